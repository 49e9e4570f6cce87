"""CudaKVCache: HostKVCache in a GPU's memory; reads and writes go through the compute stream."""

from __future__ import annotations

from support.cuda_driver import CudaDriver
from support.host_kv_cache import HostKVCache


class CudaKVCache(HostKVCache):
    device = "cuda:0"

    def __init__(self, driver: CudaDriver, stream: int, **shape: int) -> None:
        self.driver = driver
        self.stream = stream
        super().__init__(**shape)

    def enqueue_write(self, block: int, seed: int) -> None:
        """The last layer of a block; done once the stream gets there."""
        layer = len(self.names) - 1
        page = self.content(seed)[-self.page_bytes :]
        self.driver.enqueue_write(self.address + self._offset(layer, block), page, self.stream)

    def close(self) -> None:
        self.driver.free(self.address)

    def _allocate(self) -> int:
        return self.driver.allocate(self.size)

    def _put(self, at: int, content: bytes) -> None:
        self.driver.write(self.address + at, content, self.stream)

    def _get(self, at: int, size: int) -> bytes:
        return self.driver.read(self.address + at, size, self.stream)

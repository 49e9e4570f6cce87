"""CudaDriver: the few calls of libcuda that tests and measurements make themselves, without torch.

Memory, streams and copies in a GPU's primary context, where torch and pega are too. Also of the
fake driver, once load_fake() has put it in the place of a real one for this process.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

SONAME = "libcuda.so.1"
_BOUNCE_BYTES = 8 << 20


def load_fake(folder: Path) -> ctypes.CDLL:
    """From now on whoever opens libcuda.so.1 in this process gets the one in that folder."""
    return ctypes.CDLL(str(folder / SONAME))


class CudaDriver:
    def __init__(self, ordinal: int = 0) -> None:
        self.library = ctypes.CDLL(SONAME)
        self._context = ctypes.c_void_p()
        device = ctypes.c_int()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(device), ordinal)
        self._device = device.value
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self._make_current()
        bounce = ctypes.c_void_p()
        self.call("cuMemHostAlloc", ctypes.byref(bounce), ctypes.c_size_t(_BOUNCE_BYTES), 0)
        assert bounce.value is not None
        self._bounce = bounce.value

    def call(self, name: str, *arguments: Any) -> None:
        result = getattr(self.library, name)(*arguments)
        if result != 0:
            raise RuntimeError(f"{name}: CUDA error {result}")

    def new_stream(self) -> int:
        """Which waits for no other, as torch's and vLLM's."""
        self._make_current()
        stream = ctypes.c_void_p()
        self.call("cuStreamCreateWithPriority", ctypes.byref(stream), 1, 0)
        return stream.value or 0

    def delete_stream(self, stream: int) -> None:
        self._make_current()
        self.call("cuStreamDestroy_v2", ctypes.c_void_p(stream))

    def allocate(self, size: int) -> int:
        self._make_current()
        address = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        self._make_current()
        self.call("cuMemFree_v2", ctypes.c_uint64(address))

    def write(self, address: int, content: bytes, stream: int) -> None:
        """Has been done when this returns, and all that the stream was given before."""
        for at in range(0, len(content), _BOUNCE_BYTES):
            self.enqueue_write(address + at, content[at : at + _BOUNCE_BYTES], stream)
            self.synchronize(stream)

    def enqueue_write(self, address: int, content: bytes, stream: int) -> None:
        """One at a time: its bytes are where the next one's will be."""
        assert len(content) <= _BOUNCE_BYTES
        self._make_current()
        ctypes.memmove(self._bounce, content, len(content))
        self.call(
            "cuMemcpyHtoDAsync_v2",
            ctypes.c_uint64(address),
            ctypes.c_void_p(self._bounce),
            ctypes.c_size_t(len(content)),
            ctypes.c_void_p(stream),
        )

    def read(self, address: int, size: int, stream: int) -> bytes:
        """Behind what the stream was given before."""
        self._make_current()
        parts = []
        for at in range(0, size, _BOUNCE_BYTES):
            part = min(_BOUNCE_BYTES, size - at)
            self.call(
                "cuMemcpyDtoHAsync_v2",
                ctypes.c_void_p(self._bounce),
                ctypes.c_uint64(address + at),
                ctypes.c_size_t(part),
                ctypes.c_void_p(stream),
            )
            self.synchronize(stream)
            parts.append(ctypes.string_at(self._bounce, part))
        return b"".join(parts)

    def synchronize(self, stream: int) -> None:
        self._make_current()
        self.call("cuStreamSynchronize", ctypes.c_void_p(stream))

    def close(self) -> None:
        """Streams and memory must have been given back."""
        self._make_current()
        self.call("cuMemFreeHost", ctypes.c_void_p(self._bounce))
        self.call("cuDevicePrimaryCtxRelease_v2", self._device)

    def _make_current(self) -> None:
        self.call("cuCtxSetCurrent", self._context)

"""CudaDevice: for KV caches in a GPU's memory. The CPU waits for no copy: streams do.

vLLM enqueues a step on one stream, the model thread's current one. Copies begin behind what it was
given before they were submitted (a load's blocks may still be written, a store's are not yet), and
what it is given after await_load runs behind the load.
"""

from __future__ import annotations

from collections.abc import Callable

from pegaflow.errors import PegaError
from pegaflow.native.memory import EngineMemory
from pegaflow.native.transfer import Transfer
from pegaflow.worker.device import await_on_host
from pegaflow.worker.layout import WorkerLayout


class CudaDevice:
    def __init__(
        self, ordinal: int, current_stream: Callable[[int], int], *, calibrate: bool = True
    ) -> None:
        """`current_stream`: of a GPU, on the calling thread, as a CUstream."""
        self.name = f"cuda:{ordinal}"
        self._ordinal = ordinal
        self._current_stream = current_stream
        self._calibrate = calibrate

    def open_transfer(self, memory: EngineMemory, layout: WorkerLayout) -> Transfer:
        return Transfer.create(
            memory,
            allocations=layout.allocations,
            segments=layout.segments,
            block_count=layout.block_count,
            cuda_ordinal=self._ordinal,
            calibrate=self._calibrate,
        )

    def compute_stream(self) -> int:
        return self._current_stream(self._ordinal)

    def await_load(self, transfer: Transfer, number: int) -> None:
        try:
            transfer.stream_wait(number, 0, self.compute_stream())
        except PegaError:
            # Bytes that the stream can't wait for may come all the same: then they are there
            # before anything else is enqueued. If they don't, the wait tells.
            await_on_host(transfer, number)

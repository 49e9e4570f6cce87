"""CopyDevice: what differs between kinds of devices when their blocks are copied.

The place of streams and events. HostDevice is for KV caches in this process's own memory, where
vLLM computes synchronously: what the model thread has returned from is done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from pegaflow.native.memory import EngineMemory
from pegaflow.native.transfer import Transfer
from pegaflow.worker.layout import TensorLike, UnsupportedLayout, WorkerLayout

logger = logging.getLogger(__name__)

WAIT_MS = 100
"""A wait gives Python's signals and a close their turn as often."""
SLOW_S = 30


class CopyDevice(Protocol):
    """Called on the model's thread, but open_transfer."""

    name: str
    """As in "cpu" or "cuda:0"."""

    def open_transfer(self, memory: EngineMemory, layout: WorkerLayout) -> Transfer:
        """For one registration. Raises PegaError."""

    def step_computed(self) -> None:
        """The step's computation is done or enqueued: stores submitted later read behind it."""

    def await_load(self, transfer: Transfer, number: int) -> None:
        """Computation that follows sees the load. Raises the job's PegaError."""


class HostDevice:
    name = "cpu"

    def __init__(self, threads: int) -> None:
        """0: one for each core, at most 8."""
        self._threads = threads

    def open_transfer(self, memory: EngineMemory, layout: WorkerLayout) -> Transfer:
        return Transfer.create(
            memory,
            allocations=layout.allocations,
            segments=layout.segments,
            block_count=layout.block_count,
            threads=self._threads,
        )

    def step_computed(self) -> None:
        """It is: computation on the host is synchronous."""

    def await_load(self, transfer: Transfer, number: int) -> None:
        # For ever if need be: going on without the bytes would compute wrong tokens.
        waited = 0
        while not transfer.wait(number, 0, WAIT_MS):
            waited += 1
            if waited * WAIT_MS == SLOW_S * 1000:
                logger.warning("pega: a synchronous load takes longer than %d s", SLOW_S)


def device_for(tensors: Iterable[TensorLike], threads: int) -> CopyDevice:
    """Raises UnsupportedLayout for devices that this version does not copy from."""
    names = sorted({str(tensor.device) for tensor in tensors})
    if names != ["cpu"]:
        raise UnsupportedLayout(
            f"the KV cache is on {', '.join(names)}; required is a KV cache in CPU memory"
        )
    return HostDevice(threads)

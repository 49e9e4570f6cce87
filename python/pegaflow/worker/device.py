"""CopyDevice: what differs between kinds of devices when their blocks are copied.

The place of streams. HostDevice is for KV caches in this process's own memory, where vLLM computes
synchronously: what the model thread has returned from is done. cuda_device.py is for GPUs.
"""

from __future__ import annotations

import logging
from typing import Protocol

from pegaflow.native.memory import EngineMemory
from pegaflow.native.transfer import Transfer
from pegaflow.worker.layout import WorkerLayout

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

    def compute_stream(self) -> int | None:
        """Copies begin behind what it was given before they were submitted, and computation that
        await_load holds back is given to it later. None: computation is over when vLLM returns."""

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

    def compute_stream(self) -> None:
        return None

    def await_load(self, transfer: Transfer, number: int) -> None:
        await_on_host(transfer, number)


def await_on_host(transfer: Transfer, number: int) -> None:
    """For ever if need be: going on without the bytes would compute wrong tokens."""
    waited = 0
    while not transfer.wait(number, 0, WAIT_MS):
        waited += 1
        if waited * WAIT_MS == SLOW_S * 1000:
            logger.warning("pega: a synchronous load takes longer than %d s", SLOW_S)

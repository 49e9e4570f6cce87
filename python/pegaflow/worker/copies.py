"""Copies: the jobs of one registration, from submission to their end.

The model's thread submits, waits and collects; the link's thread closes. A job that is collected
touches no memory any more: closing keeps collectors out until the last piece has ended.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError
from pegaflow.native.transfer import Transfer
from pegaflow.native.transfer_stats import TransferStats
from pegaflow.wire.steps import CopyJob
from pegaflow.worker.device import CopyDevice

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndedJob:
    job: CopyJob
    error: PegaError | None
    seconds: float
    """From submission until it was seen to have ended."""


@dataclass(frozen=True, slots=True)
class _RunningJob:
    job: CopyJob
    number: int
    """The transfer's."""
    begun_s: float


class Copies:
    def __init__(self, registration: Registration, transfer: Transfer) -> None:
        """Takes both over: close() closes them."""
        self.registration = registration
        self.boot_number = registration.boot_number
        self._memory = registration.memory
        self._transfer = transfer
        self._sync_possible = transfer.sync_possible()
        self._running: dict[int, _RunningJob] = {}
        self._closed = False
        self._closing_stats: TransferStats | None = None
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        return self._closed

    def submit(self, job: CopyJob, after_stream: int | None) -> None:
        """Raises PegaError: nothing was started."""
        with self._lock:
            if self._closed:
                raise PegaError("PEGA_CANCELLED", "the registration of this job was closed")
            begun_s = time.monotonic()
            number = self._transfer.submit(
                int(job.kind), job.device_blocks, job.slots, after_stream=after_stream
            )
            self._running[job.job_id] = _RunningJob(job, number, begun_s)

    def await_load(self, job_id: int, device: CopyDevice) -> None:
        """Returns when computation may follow, or the job has ended in whatever way."""
        running = self._running.get(job_id)
        if running is None:
            return
        try:
            device.await_load(self._transfer, running.number)
        except PegaError:
            return  # collect() tells

    def collect(self) -> list[EndedJob]:
        """Jobs that have ended since; each once."""
        if not self._running:
            return []
        ended = []
        with self._lock:
            for running in list(self._running.values()):
                outcome = self._outcome(running)
                if outcome is not None:
                    del self._running[running.job.job_id]
                    ended.append(outcome)
        return ended

    def _outcome(self, running: _RunningJob) -> EndedJob | None:
        error: PegaError | None
        try:
            report = self._transfer.poll(running.number)
            if not report.done:
                return None
            error = report.error
            self._transfer.forget(running.number)
        except PegaError as failure:
            error = failure  # closed: no piece of it runs any more
        return EndedJob(running.job, error, time.monotonic() - running.begun_s)

    # ---- the link's thread ----------------------------------------------------------------------

    def report_slabs(self) -> int:
        """Opens what the server has published and tells the scheduler side how far this rank is."""
        if self._closed:
            return 0
        slabs = min(self._memory.open_slabs(), self._transfer.slabs_ready())
        sync = slabs > 0 and self._sync_possible and not self.registration.lost
        self._memory.report_ready(slabs, sync)
        return slabs

    def slab_error(self) -> PegaError | None:
        """Why a slab was left out, where one was: its blocks can't be copied here."""
        return None if self._closed else self._transfer.cuda_stats().slab_error

    def retract_sync(self) -> None:
        """From now on no synchronous load is granted that its bits don't show to close_if_idle."""
        self._memory.report_ready(0, False)

    def close_if_idle(self) -> bool:
        """Of a registration that is lost: True once it is closed and everything is collected.

        It stays while a job runs, and while a slot is held: that one may belong to a synchronous
        load that is still on its way here.
        """
        with self._lock:
            if self._running:
                return False
            if not self._closed:
                # First: who holds a slot after this look at the bits is not promised synchronous
                # loads any more; who held it before is seen.
                self.retract_sync()
                if not self._memory.engine_idle():
                    return False
                self._close()
            return True

    def is_place_of(self, epoch: int) -> bool:
        """It still has this rank's record in the engine's hold file: no other can be had."""
        return (
            not self._closed
            and self.registration.epoch == epoch
            and self._memory.boot_number() == self.boot_number
        )

    def close(self) -> None:
        """Now; copies that run end first, later ones fail."""
        with self._lock:
            if not self._closed:
                self.retract_sync()
                self._close()

    def stats(self) -> TransferStats:
        return self._closing_stats or self._transfer.stats()

    def _close(self) -> None:
        self._closed = True
        self._closing_stats = self._transfer.stats()
        try:
            self._transfer.close()
            self.registration.close()
        except PegaError:
            logger.exception("pega: closing a registration failed")

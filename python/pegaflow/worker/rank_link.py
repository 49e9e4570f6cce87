"""RankLink: this rank's registrations: opens them, keeps slabs open, closes those of older boots.

Everything here but start(), reopen() and close() runs on the link's thread, so that the model's
thread never waits for a server or for files to be opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import SessionReport
from pegaflow.client.registration import Registration
from pegaflow.client.server_link import ServerLink
from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.worker.copies import Copies
from pegaflow.worker.device import CopyDevice
from pegaflow.worker.failure_log import FailureLog
from pegaflow.worker.layout import WorkerLayout
from pegaflow.worker.open_boots import OpenBoots

DEVICE_AGAIN_S = 15.0
"""A device that could not be opened is tried again so late, a server several times a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankPlace:
    """Which process of which engine this is."""

    run_id: str
    rank: int
    rank_count: int
    name: str
    """Of the engine, for people."""


class RankLink:
    def __init__(
        self,
        place: RankPlace,
        *,
        endpoint: str,
        library: Library,
        layout: WorkerLayout,
        device: CopyDevice,
        boots: OpenBoots,
        failures: FailureLog,
        epoch: Callable[[], int],
    ) -> None:
        self._place = place
        self._library = library
        self._layout = layout
        self._device = device
        self._boots = boots
        self._failures = failures
        self._epoch = epoch
        self._slabs_ready = 0
        self._device_error: PegaError | None = None
        self._device_again_s = 0.0
        self._client = PegaClient(endpoint)
        self._link = ServerLink(
            self._open,
            on_tick=self._tick,
            on_lost=self._lost,
            make_report=self._make_report,
            name="pega-worker-link",
        )

    def start(self) -> None:
        """Returns at once."""
        self._link.start()

    def reopen(self, reason: str) -> None:
        """Loses the current registration; the next one follows, for the epoch of then."""
        self._link.reopen(reason)

    def close(self) -> None:
        """Copies that run end first."""
        self._link.stop()
        self._boots.close()
        self._client.close()

    def _open(self) -> Registration:
        if self._device_error is not None and time.monotonic() < self._device_again_s:
            raise self._device_error
        epoch = self._epoch()
        if any(copies.is_place_of(epoch) for copies in self._boots.open):
            raise PegaError("PEGA_ALREADY_EXISTS", "the former registration is still in use")
        registration = Registration.open(
            self._client,
            self._library,
            run_id=self._place.run_id,
            epoch=epoch,
            rank=self._place.rank,
            rank_count=self._place.rank_count,
            identity=None,  # the scheduler side's
            layout=self._layout.on_the_wire(),
            device=self._device.name,
            name=self._place.name,
        )
        try:
            transfer = self._device.open_transfer(registration.memory, self._layout)
        except PegaError as error:
            registration.close()
            self._device_error = error
            self._device_again_s = time.monotonic() + DEVICE_AGAIN_S
            raise
        copies = Copies(registration, transfer)
        try:
            self._boots.add(copies)
        except PegaError:
            copies.close()
            raise
        return registration

    def _tick(self, registration: Registration | None) -> None:
        if registration is not None and registration.epoch != self._epoch():
            registration.lose("the weights have changed")
        for copies in self._boots.open:
            if not copies.registration.lost:
                self._report_slabs(copies)
        self._boots.close_idle()

    def _report_slabs(self, copies: Copies) -> None:
        try:
            self._slabs_ready = copies.report_slabs()
            left_out = copies.slab_error()
            if left_out is not None:
                self._failures.slab_left_out(left_out)
        except PegaError as error:
            if error.code != "PEGA_STALE_BOOT":  # the link sees that by itself
                raise

    def _lost(self, registration: Registration) -> None:
        for copies in self._boots.open:
            if copies.registration is registration and not copies.closed:
                copies.retract_sync()

    def _make_report(self) -> SessionReport:
        stats = self._boots.stats()
        return SessionReport(
            load_bytes=stats.load_bytes,
            store_bytes=stats.store_bytes,
            load_jobs=stats.load_jobs,
            store_jobs=stats.store_jobs,
            failed_jobs=stats.failed_jobs,
            load_seconds=stats.load_busy_s,
            store_seconds=stats.store_busy_s,
            transfers_running=stats.jobs_now,
            slabs_ready=self._slabs_ready,
            decisions=self._failures.take_decisions(),
            decisions_dropped=self._failures.decisions_dropped,
        )

"""The connector in a worker: copies what the scheduler side ordered and tells how it ended.

One method for each hook that vLLM's worker calls, all on its model thread; none raises, none waits
for the server (rank_link.py does). Hold bits are the scheduler side's alone. The rules:
docs/protocol.md §3 and §5.

Whatever happens, each job ends once: one that no open registration can copy fails at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.handshake import RankHandshake, pack_handshake
from pegaflow.wire.steps import CopyJob, JobKind, unpack_step
from pegaflow.worker.choose_device import choose_device
from pegaflow.worker.copies import Copies
from pegaflow.worker.device import CopyDevice
from pegaflow.worker.failure_log import FailureLog
from pegaflow.worker.layout import UnsupportedLayout, WorkerLayout, describe_layout
from pegaflow.worker.open_boots import OpenBoots
from pegaflow.worker.outcomes import Outcomes
from pegaflow.worker.rank_link import RankLink, RankPlace

logger = logging.getLogger(__name__)


class WorkerSide:
    def __init__(
        self,
        settings: Settings,
        *,
        run_id: str,
        rank: int,
        rank_count: int,
        name: str,
        load_library: Callable[[], Library],
        current_stream: Callable[[int], int],
        refusal: str = "",
    ) -> None:
        """`name`: of the engine, for people. `current_stream`: what a thread computes on, of a GPU.
        `refusal`: why this engine can't take part, if so."""
        self.recorder = StatsRecorder()
        self._settings = settings
        self._place = RankPlace(run_id=run_id, rank=rank, rank_count=rank_count, name=name)
        self._load_library = load_library
        self._current_stream = current_stream
        self._refusal = refusal or "no KV cache was registered"
        self._refused = bool(refusal)
        self._epoch = 0
        self._boots = OpenBoots()
        self._outcomes = Outcomes()
        self._failures = FailureLog(self.recorder)
        self._spoiled = False
        """A synchronous load of this step has failed."""
        self._stores: list[CopyJob] = []
        """Of this step; they read what its computation has written."""
        self._kv_caches: Mapping[str, Any] = {}
        self._layout: WorkerLayout | None = None
        self._device: CopyDevice | None = None
        self._link: RankLink | None = None

    # ---- start ----------------------------------------------------------------------------------

    def register(self, kv_caches: Mapping[str, Any], kv_cache_config: Any) -> None:
        """Starts to connect; returns at once. What can't be supported is told by handshake()."""
        if self._refused or self._link is not None:
            return
        try:
            layout = describe_layout(kv_caches, kv_cache_config)
            device = choose_device(
                kv_caches.values(),
                threads=self._settings.transfer_threads,
                current_stream=self._current_stream,
            )
            library = self._load_library()
        except (UnsupportedLayout, PegaError) as error:
            self._refusal = str(error)
            return
        except Exception as error:
            logger.exception("pega: the KV cache can't be described")
            self._refusal = f"the KV cache can't be described: {error!r}"
            return
        self._kv_caches = kv_caches  # their memory stays as long as copies may reach it
        self._layout = layout
        self._device = device
        self._refusal = ""
        self._link = RankLink(
            self._place,
            endpoint=self._settings.endpoint,
            library=library,
            layout=layout,
            device=device,
            boots=self._boots,
            failures=self._failures,
            epoch=lambda: self._epoch,
        )
        self._link.start()

    def handshake(self) -> bytes:
        layout, device = self._layout, self._device
        if layout is None or device is None:
            return pack_handshake(RankHandshake(0, "", "", self._refusal))
        return pack_handshake(RankHandshake(layout.slot_bytes, layout.text, device.name))

    # ---- a step ---------------------------------------------------------------------------------

    def begin_step(self, payload: bytes) -> None:
        """Starts this step's loads, before or after the forward. What is computed next sees the
        synchronous ones."""
        try:
            orders = unpack_step(payload, self._place.rank)
        except Exception as error:
            self._failures.orders_unreadable(error)
            self._spoiled = True
            self._outcomes.fail_blocks(range(1, self._layout.block_count if self._layout else 1))
            return
        self._follow_epoch(orders.epoch)
        sync = []
        for job in orders.jobs:
            self._outcomes.begun(job)
            if job.kind is JobKind.STORE:
                self._stores.append(job)
                continue
            copies = self._submit(job)
            if copies is not None and job.kind is JobKind.LOAD_SYNC:
                sync.append((copies, job.job_id))
        for copies, job_id in sync:
            assert self._device is not None
            copies.await_load(job_id, self._device)
            self._collect()

    def end_step(self) -> set[str]:
        """After the forward, in every step: starts this step's stores and looks what has ended.
        Requests whose asynchronous loads are over, well or not."""
        stores, self._stores = self._stores, []
        if self._spoiled:
            # The forward has computed upon blocks whose bytes did not come: what it wrote is wrong.
            self._spoiled = False
            for job in stores:
                self._end(job, PegaError("PEGA_CANCELLED", "a load of its step failed"), 0.0)
            stores = []
        for job in stores:
            self._submit(job)
        self._collect()
        return self._outcomes.take_received()

    def failed_blocks(self) -> set[int]:
        """Device blocks whose content did not come; ask after end_step."""
        return self._outcomes.take_failed_blocks()

    def take_ends(self) -> bytes | None:
        """wire/ends.py; each job's end once."""
        return self._outcomes.take_ends()

    def close(self) -> None:
        """Copies that run end; later ones fail."""
        if self._link is not None:
            self._link.close()

    # ---- jobs -----------------------------------------------------------------------------------

    def _submit(self, job: CopyJob) -> Copies | None:
        """None: it has failed."""
        try:
            copies = self._boots.of(job.boot_number)
            if copies is None or self._device is None:
                raise PegaError(
                    "PEGA_STALE_BOOT", f"no registration for boot {job.boot_number} is open"
                )
            copies.submit(job, self._device.compute_stream())
        except Exception as error:
            self._end(job, error, 0.0)
            return None
        return copies

    def _collect(self) -> None:
        for ended in self._boots.collect():
            self._end(ended.job, ended.error, ended.seconds)

    def _end(self, job: CopyJob, error: Exception | None, seconds: float) -> None:
        self._outcomes.ended(job, failed=error is not None, seconds=seconds)
        if error is not None:
            self._spoiled = self._spoiled or job.kind is JobKind.LOAD_SYNC
            self._failures.job_failed(job, error)

    def _follow_epoch(self, epoch: int) -> None:
        """Other weights: another engine to the server. The old one stays while it is used."""
        if epoch != self._epoch:
            self._epoch = epoch
            if self._link is not None:
                self._link.reopen("the weights have changed")

"""The connector in a worker: copies what the scheduler side ordered and tells how it ended.

One method for each hook that vLLM's worker calls, all on its model thread; none raises. The link's
thread registers, opens slabs and closes old registrations. Hold bits are the scheduler side's
alone. The rules: docs/protocol.md §3 and §5.

Whatever happens, each job ends once: one that no open registration can copy fails at once.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Decision, SessionReport
from pegaflow.client.registration import Registration
from pegaflow.client.server_link import ServerLink
from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.handshake import RankHandshake, pack_handshake
from pegaflow.wire.steps import CopyJob, JobKind, unpack_step
from pegaflow.worker.copies import Copies
from pegaflow.worker.device import CopyDevice, device_for
from pegaflow.worker.layout import UnsupportedLayout, WorkerLayout, describe_layout
from pegaflow.worker.open_boots import OpenBoots
from pegaflow.worker.outcomes import Outcomes

logger = logging.getLogger(__name__)

DECISIONS_MAX = 256


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
        refusal: str = "",
    ) -> None:
        """`name`: of the engine, for people. `refusal`: why this engine can't take part, if so."""
        self.recorder = StatsRecorder()
        self._settings = settings
        self._run_id = run_id
        self._rank = rank
        self._rank_count = rank_count
        self._name = name
        self._load_library = load_library
        self._refusal = refusal or "no KV cache was registered"
        self._refused = bool(refusal)
        self._epoch = 0
        self._boots = OpenBoots()
        self._outcomes = Outcomes()
        self._stores: list[CopyJob] = []
        """Of this step; they read what its computation has written."""
        self._decisions: deque[Decision] = deque()
        self._decisions_dropped = 0
        self._slabs_ready = 0
        self._complaints: set[str] = set()
        self._kv_caches: Mapping[str, Any] = {}
        self._layout: WorkerLayout | None = None
        self._device: CopyDevice | None = None
        self._client: PegaClient | None = None
        self._link: ServerLink | None = None

    # ---- start ----------------------------------------------------------------------------------

    def register(self, kv_caches: Mapping[str, Any], kv_cache_config: Any) -> None:
        """Starts to connect; returns at once. What can't be supported is told by handshake()."""
        if self._refused or self._link is not None:
            return
        try:
            layout = describe_layout(kv_caches, kv_cache_config)
            device = device_for(kv_caches.values(), self._settings.transfer_threads)
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
        client = PegaClient(self._settings.endpoint)
        self._client = client
        self._link = ServerLink(
            lambda: self._open(client, library, layout, device),
            on_tick=self._tick,
            on_lost=self._lost,
            make_report=self._make_report,
            name="pega-worker-link",
        )
        self._link.start()

    def handshake(self) -> bytes:
        layout, device = self._layout, self._device
        if layout is None or device is None:
            return pack_handshake(RankHandshake(0, "", "", self._refusal))
        return pack_handshake(RankHandshake(layout.slot_bytes, layout.text, device.name))

    # ---- a step ---------------------------------------------------------------------------------

    def begin_step(self, payload: bytes) -> None:
        """Starts this step's loads and waits for synchronous ones. Before or after the forward."""
        try:
            orders = unpack_step(payload, self._rank)
        except Exception as error:
            self._say_once(f"a step's orders can't be read: {error!r}", key="orders")
            self.recorder.fail("orders")
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
        if stores and self._device is not None:
            self._device.step_computed()
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
            self._link.stop()
        self._boots.close()
        if self._client is not None:
            self._client.close()

    # ---- jobs -----------------------------------------------------------------------------------

    def _submit(self, job: CopyJob) -> Copies | None:
        """None: it has failed."""
        try:
            copies = self._boots.of(job.boot_number)
            if copies is None:
                raise PegaError(
                    "PEGA_STALE_BOOT", f"no registration for boot {job.boot_number} is open"
                )
            copies.submit(job)
        except Exception as error:
            self._end(job, error, 0.0)
            return None
        return copies

    def _collect(self) -> None:
        for ended in self._boots.collect():
            self._end(ended.job, ended.error, ended.seconds)

    def _end(self, job: CopyJob, error: Exception | None, seconds: float) -> None:
        self._outcomes.ended(job, failed=error is not None, seconds=seconds)
        if error is None:
            return
        code = error.code if isinstance(error, PegaError) else "PEGA_INTERNAL"
        kind = "store_failed" if job.kind is JobKind.STORE else "load_failed"
        self.recorder.fail(code)
        self._decide(job.request_id, kind, str(error))
        if job.kind is JobKind.LOAD_SYNC:
            logger.error("pega: a synchronous load failed: %s", error)
        else:
            self._say_once(f"{kind}, {code}: {error}", key=f"{kind} {code}")

    def _decide(self, request_id: str, kind: str, cause: str) -> None:
        if len(self._decisions) >= DECISIONS_MAX:
            self._decisions_dropped += 1
            return
        self._decisions.append(Decision(request_id[:128], kind, cause, time.time()))

    def _say_once(self, text: str, key: str | None = None) -> None:
        if (key or text) not in self._complaints and len(self._complaints) < DECISIONS_MAX:
            self._complaints.add(key or text)
            logger.warning("pega: %s (said once)", text)

    def _follow_epoch(self, epoch: int) -> None:
        """Other weights: another engine to the server. The old one stays while it is used."""
        if epoch != self._epoch:
            self._epoch = epoch
            if self._link is not None:
                self._link.reopen("the weights have changed")

    # ---- the link's thread ----------------------------------------------------------------------

    def _open(
        self, client: PegaClient, library: Library, layout: WorkerLayout, device: CopyDevice
    ) -> Registration:
        epoch = self._epoch
        if any(copies.is_place_of(epoch) for copies in self._boots.open):
            raise PegaError("PEGA_ALREADY_EXISTS", "the former registration is still in use")
        registration = Registration.open(
            client,
            library,
            run_id=self._run_id,
            epoch=epoch,
            rank=self._rank,
            rank_count=self._rank_count,
            identity=None,
            layout=layout.on_the_wire(),
            device=device.name,
            name=self._name,
        )
        try:
            copies = Copies(registration, device.open_transfer(registration.memory, layout))
        except BaseException:
            registration.close()
            raise
        try:
            self._boots.add(copies)
        except PegaError:
            copies.close()
            raise
        return registration

    def _tick(self, registration: Registration | None) -> None:
        if registration is not None and registration.epoch != self._epoch:
            registration.lose("the weights have changed")
        for copies in self._boots.open:
            if not copies.registration.lost:
                self._report_slabs(copies)
        self._boots.close_idle()

    def _report_slabs(self, copies: Copies) -> None:
        try:
            self._slabs_ready = copies.report_slabs()
        except PegaError as error:
            if error.code != "PEGA_STALE_BOOT":  # the link sees that by itself
                raise

    def _lost(self, registration: Registration) -> None:
        for copies in self._boots.open:
            if copies.registration is registration and not copies.closed:
                copies.retract_sync()

    def _make_report(self) -> SessionReport:
        stats = self._boots.stats()
        decisions = []
        while self._decisions:
            decisions.append(self._decisions.popleft())
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
            decisions=tuple(decisions),
            decisions_dropped=self._decisions_dropped,
        )

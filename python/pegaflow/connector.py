"""PegaKVConnector: what vLLM loads for `"kv_connector": "PegaKVConnector"`; glue and nothing else.

vLLM makes one in its EngineCore (scheduler role) and one in each worker (worker role). Each hook is
handed on to scheduler/scheduler_side.py or worker/worker_side.py. pega being slow, gone or wrong
must never fail a request, so what a side raises is logged once, counted, and answered as if there
were no pega. The exceptions to that are marked: where vLLM was promised bytes and going on would
serve blocks without them, the error goes up.

The contract: vllm/distributed/kv_transfer/kv_connector/v1/base.py, 0.24 to 0.32. Importing this
module starts nothing: vLLM imports it in its API server too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import vllm
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorHandshakeMetadata,
    KVConnectorMetadata,
    KVConnectorRole,
    KVConnectorWorkerMetadata,
)

from pegaflow.installed_vllm import check_version, current_stream, describe_attention, read_facts
from pegaflow.metrics import PegaPromMetrics, PegaStats
from pegaflow.scheduler.assembly import SchedulerAssembly
from pegaflow.settings import Settings
from pegaflow.wire.ends import fold_ends
from pegaflow.wire.handshake import RankHandshake, pack_handshake, unpack_handshake
from pegaflow.wire.steps import StepOrders, pack_step
from pegaflow.worker.assembly import make_worker_side

if TYPE_CHECKING:
    from pegaflow.scheduler.scheduler_side import SchedulerSide
    from pegaflow.worker.worker_side import WorkerSide

logger = logging.getLogger(__name__)


@dataclass
class StepMetadata(KVConnectorMetadata):
    """Scheduler side → workers, once a step. Mutable: vLLM sets attributes of its own on it."""

    payload: bytes
    """wire/steps.py"""


@dataclass
class EndsMetadata(KVConnectorWorkerMetadata):
    """Workers → scheduler side."""

    payload: bytes
    """wire/ends.py"""

    def aggregate(self, other: EndsMetadata) -> EndsMetadata:
        return EndsMetadata(fold_ends(self.payload, other.payload))


@dataclass
class RankMetadata(KVConnectorHandshakeMetadata):
    """A worker → scheduler side, once, after it has its KV cache."""

    payload: bytes
    """worker/handshake.py"""


def _log_as_vllm_does() -> None:
    """The package's modules log under their own names; vLLM prints only what is below its own."""
    ours, theirs = logging.getLogger("pegaflow"), logging.getLogger("vllm")
    if theirs.handlers and not ours.handlers:
        ours.handlers = list(theirs.handlers)
        ours.setLevel(theirs.level)
        ours.propagate = False


class PegaKVConnector(KVConnectorBase_V1):
    def __init__(self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any) -> None:
        _log_as_vllm_does()
        check_version(vllm.__version__)
        super().__init__(vllm_config, role, kv_cache_config)
        transfer = vllm_config.kv_transfer_config
        self._settings = Settings.from_extra_config(
            transfer.kv_connector_extra_config, transfer.kv_role
        )
        self._scheduler: SchedulerAssembly | None = None
        self._worker: WorkerSide | None = None
        self._attention: str | None = None
        """What this worker's layers use; part of what tells layouts apart."""
        self._complaints: set[str] = set()
        facts = read_facts(vllm_config, kv_cache_config)
        if role is KVConnectorRole.SCHEDULER:
            # A load that fails is computed; vLLM's own default is to fail the request. vLLM reads
            # it
            # after it has made its connector (v1/core/sched/scheduler.py).
            transfer.kv_load_failure_policy = "recompute"
            self._scheduler = SchedulerAssembly(self._settings, facts)
        else:
            self._worker = make_worker_side(self._settings, facts, current_stream)

    @property
    def requires_kv_delivery(self) -> bool:
        """A cache: what isn't stored is computed again."""
        return False

    # ---- worker ---------------------------------------------------------------------------------

    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        worker = self._worker
        if worker is not None:
            # Here, not when vLLM asks for the handshake: only here is its configuration current.
            self._attention = self._guarded(None, lambda: describe_attention(self._vllm_config))
            self._guarded(None, lambda: worker.register(kv_caches, self._kv_cache_config))

    def get_handshake_metadata(self) -> RankMetadata | None:
        if self._worker is None:
            return None
        handshake = unpack_handshake(self._worker.handshake())
        if not handshake.refusal and self._attention is None:
            # Unknown, it could differ from another engine's and nobody would see it.
            handshake = RankHandshake(0, "", "", "the attention's layout can't be read")
        layout = f"{handshake.layout}; {self._attention}"
        return RankMetadata(pack_handshake(replace(handshake, layout=layout)))

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        """Raises what begin_step raises: it reports failed loads itself."""
        if self._worker is not None:
            self._worker.begin_step(self._get_connector_metadata().payload)

    def wait_for_layer_load(self, layer_name: str) -> None:
        return

    def save_kv_layer(self, layer_name: str, kv_layer: Any, attn_metadata: Any, **kw: Any) -> None:
        return

    def wait_for_save(self) -> None:
        return

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str] | None, set[str] | None]:
        worker = self._worker
        if worker is None:
            return None, None
        return None, self._guarded(set(), worker.end_step) or None

    def get_block_ids_with_load_errors(self) -> set[int]:
        return self._worker.failed_blocks() if self._worker is not None else set()

    def build_connector_worker_meta(self) -> EndsMetadata | None:
        ends = self._worker.take_ends() if self._worker is not None else None
        return EndsMetadata(ends) if ends else None

    # ---- scheduler ------------------------------------------------------------------------------

    @property
    def _side(self) -> SchedulerSide | None:
        return self._scheduler.side if self._scheduler is not None else None

    def bind_gpu_block_pool(self, gpu_block_pool: Any) -> None:
        if self._scheduler is not None:
            self._scheduler.bind(gpu_block_pool)

    def set_xfer_handshake_metadata_pp_aware(
        self, metadata: dict[tuple[int, int], RankMetadata]
    ) -> None:
        """Keyed by (pipeline stage, tensor rank); stage by stage, as vLLM numbers its ranks."""
        scheduler = self._scheduler
        if scheduler is not None:
            payloads = [metadata[key].payload for key in sorted(metadata)]
            self._guarded(None, lambda: scheduler.start(payloads))

    def on_new_request(self, request: Any) -> None:
        side = self._side
        if side is not None:
            self._guarded(None, lambda: side.on_new_request(request))

    def get_num_new_matched_tokens(
        self, request: Any, num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        side = self._side
        if side is None:
            return 0, False
        answer: tuple[int | None, bool] = self._guarded(
            (0, False), lambda: side.get_num_new_matched_tokens(request, num_computed_tokens)
        )
        return answer

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        """Raises where a load was promised that can't be planned."""
        side = self._side
        if side is None:
            return
        if num_external_tokens > 0:
            side.update_state_after_alloc(request, blocks, num_external_tokens)
        else:
            self._guarded(None, lambda: side.update_state_after_alloc(request, blocks, 0))

    def build_connector_meta(self, scheduler_output: Any) -> StepMetadata:
        """Raises what orders() raises: loads of this step may have been promised."""
        side = self._side
        if side is None:
            assert self._scheduler is not None
            return StepMetadata(pack_step(StepOrders(0, ()), self._scheduler.rank_count))
        self._guarded(None, lambda: side.plan_step(scheduler_output))
        return StepMetadata(side.orders())

    def update_connector_output(self, connector_output: Any) -> None:
        side = self._side
        if side is not None:
            meta = connector_output.kv_connector_worker_meta
            payload = meta.payload if isinstance(meta, EndsMetadata) else None
            self._guarded(None, lambda: side.update_connector_output(payload))

    def request_finished(
        self, request: Any, block_ids: list[int]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Never keeps the request's blocks: copies have references of their own."""
        side = self._side
        if side is not None:
            self._guarded(None, lambda: side.request_finished(request))
        return False, None

    def has_pending_push_work(self) -> bool:
        side = self._side
        return side is not None and self._guarded(False, side.has_pending_work)

    def reset_cache(self) -> bool:
        """Weights may have changed in place: nothing stored until now is found again."""
        side = self._side
        if side is not None:
            self._guarded(None, side.reset)
        return True

    # ---- both -----------------------------------------------------------------------------------

    def get_kv_connector_stats(self) -> PegaStats | None:
        owner = self._scheduler if self._scheduler is not None else self._worker
        taken = owner.recorder.take() if owner is not None else None
        return PegaStats(data=taken) if taken else None

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> PegaStats:
        return PegaStats(data=data) if data is not None else PegaStats()

    @classmethod
    def build_prom_metrics(
        cls,
        vllm_config: Any,
        metric_types: Any,
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> PegaPromMetrics:
        return PegaPromMetrics(vllm_config, metric_types, labelnames, per_engine_labelvalues)

    def shutdown(self) -> None:
        for owner in (self._scheduler, self._worker):
            if owner is not None:
                self._guarded(None, owner.close)

    def _guarded(self, neutral: Any, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            owner = self._scheduler if self._scheduler is not None else self._worker
            if owner is not None:
                owner.recorder.fail("internal")
            complaint = f"{type(error).__name__}: {error}"
            if complaint not in self._complaints:
                self._complaints.add(complaint)
                logger.exception("pega: an error of the connector; going on without it")
            return neutral

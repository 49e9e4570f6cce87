"""Puts the scheduler side together: settings, facts, the server link, and what the workers said.

vLLM makes its connector before the workers have KV caches, so this waits for two things: the block
pool (bind) and the ranks' handshakes (start). Until then, and where anything is not supported,
there is no side and vLLM runs as without pega; the reason is said once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pegaflow.client.breaker import Breaker
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Identity, SessionReport
from pegaflow.client.registration import Registration
from pegaflow.client.server_link import ServerLink
from pegaflow.errors import PegaError
from pegaflow.identity.facts import VllmFacts
from pegaflow.identity.fields import RankLayout, WeightsEpoch, describe_identity
from pegaflow.identity.weights import name_weights
from pegaflow.installed_vllm import (
    hash_of_block,
    name_hash_seed,
    reason_to_bypass,
    warn_of_random_hash_seed,
)
from pegaflow.native.library import Library
from pegaflow.scheduler.adoption import Adoption
from pegaflow.scheduler.scheduler_side import SchedulerSide
from pegaflow.scheduler.vllm_types import BlockPool
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.handshake import RankHandshake, unpack_handshake

logger = logging.getLogger(__name__)


class SchedulerAssembly:
    def __init__(self, settings: Settings, facts: VllmFacts) -> None:
        self.side: SchedulerSide | None = None
        self.rank_count = facts.rank_count
        self.recorder = StatsRecorder()
        self._settings = settings
        self._facts = facts
        self._pool: BlockPool | None = None

    def bind(self, pool: BlockPool) -> None:
        self._pool = pool

    def start(self, handshakes: Sequence[bytes]) -> None:
        """With what each rank said, in the order of the ranks. Connects later; returns at once."""
        ranks = [unpack_handshake(payload) for payload in handshakes]
        refusal = self._refusal(ranks)
        if refusal is not None:
            logger.error("pega: the connector is off: %s", refusal)
            return
        assert self._pool is not None
        warn_of_random_hash_seed(self._facts)
        try:
            library = Library.load(self._settings.library)
        except PegaError as error:
            logger.error("pega: the connector is off: %s", error)
            return
        breaker = Breaker()
        joining = _Joining(self._settings, self._facts, ranks, library)
        link = ServerLink(
            joining.open,
            on_tick=lambda _: self.recorder.breaker(breaker.state),
            on_lost=joining.adoption.lost,
            make_report=SessionReport,
            name="pega-scheduler-link",
        )
        facts = self._facts
        self.side = SchedulerSide(
            self._settings,
            link=link,
            adoption=joining.adoption,
            epoch=joining.epoch,
            pool=self._pool,
            hash_of_block=hash_of_block,
            reason_to_bypass=reason_to_bypass,
            block_tokens=facts.block_tokens,
            step_tokens=facts.step_tokens,
            rank_slot_bytes=tuple(rank.slot_bytes for rank in ranks),
            prefix_caching=facts.prefix_caching,
            sync_allowed=not (facts.pipeline_parallel or facts.moe_data_parallel),
            recorder=self.recorder,
            breaker=breaker,
        )
        link.start()

    def close(self) -> None:
        if self.side is not None:
            self.side.close()

    def _refusal(self, ranks: Sequence[RankHandshake]) -> str | None:
        if self._facts.unsupported is not None:
            return self._facts.unsupported
        if self._pool is None:
            return "this vLLM does not show its block pool to connectors"
        if len(ranks) != self.rank_count:
            return f"{len(ranks)} of {self.rank_count} ranks have said what their KV cache is"
        for rank, handshake in enumerate(ranks):
            if handshake.refusal:
                return f"rank {rank}: {handshake.refusal}"
        return None


class _Joining:
    """Opens registrations of the scheduler side, on the link's thread."""

    def __init__(
        self,
        settings: Settings,
        facts: VllmFacts,
        ranks: Sequence[RankHandshake],
        library: Library,
    ) -> None:
        self.adoption = Adoption()
        self.epoch = WeightsEpoch()
        self._settings = settings
        self._facts = facts
        self._ranks = ranks
        self._library = library
        self._client = PegaClient(settings.endpoint)
        self._weights: str | None = None

    def open(self) -> Registration:
        epoch, epoch_text = self.epoch.current
        return Registration.open(
            self._client,
            self._library,
            run_id=self._facts.run_id,
            epoch=epoch,
            rank=None,
            rank_count=self._facts.rank_count,
            identity=self._identity(epoch_text),
            layout=None,
            device=self._ranks[0].device,
            name=f"vllm {self._facts.version}",
        )

    def _identity(self, weights_epoch: str) -> Identity:
        if self._weights is None:
            # Reads samples of the files: seconds for a large model on a cold disk, so not at start.
            self._weights = name_weights(self._facts.weights, self._settings.weights_id)
        return describe_identity(
            self._facts,
            [RankLayout(rank.slot_bytes, rank.layout) for rank in self._ranks],
            weights=self._weights,
            weights_epoch=weights_epoch,
            hash_seed=name_hash_seed(),
        )

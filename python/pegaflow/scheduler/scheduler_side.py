"""The connector in vLLM's EngineCore: answers the scheduler's questions, plans copies, ends grants.

One method for each hook that vLLM's scheduler calls, in the order of a request's life. All of them
run on the scheduler's thread and none waits for the server, but for the few milliseconds that a
Query is given (lookups.py). What other threads bring (answers, a new connection) is taken in at the
start of a hook, so no state here needs a lock. The rules: docs/protocol.md §2-§5.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from pegaflow.client.breaker import Breaker
from pegaflow.client.server_link import ServerLink
from pegaflow.identity.fields import WeightsEpoch
from pegaflow.scheduler.adoption import Adoption
from pegaflow.scheduler.block_references import BlockReferences
from pegaflow.scheduler.connection import Connection
from pegaflow.scheduler.connections import Connections
from pegaflow.scheduler.load_policy import LoadMode, LoadPolicy
from pegaflow.scheduler.loads import Loads
from pegaflow.scheduler.lookups import Lookups
from pegaflow.scheduler.old_blocks import OldBlocks
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.scheduler.step_clock import StepClock
from pegaflow.scheduler.store_plan import StorePlan
from pegaflow.scheduler.stores import Stores
from pegaflow.scheduler.vllm_types import (
    BlockPool,
    KVCacheBlock,
    KVCacheBlocks,
    Request,
    SchedulerOutput,
)
from pegaflow.settings import Settings
from pegaflow.stats_recorder import StatsRecorder
from pegaflow.wire.ends import JobEnd, unpack_ends
from pegaflow.wire.steps import CopyJob, StepOrders, pack_step

_ONLY_GROUP = [0]
"""Models with more than one KV-cache group are refused at start."""


class SchedulerSide:
    def __init__(
        self,
        settings: Settings,
        *,
        link: ServerLink,
        adoption: Adoption,
        epoch: WeightsEpoch,
        pool: BlockPool,
        hash_of_block: Callable[[KVCacheBlock], bytes | None],
        reason_to_bypass: Callable[[Request], str | None],
        block_tokens: int,
        step_tokens: int,
        rank_slot_bytes: tuple[int, ...],
        prefix_caching: bool,
        sync_allowed: bool,
        recorder: StatsRecorder,
        breaker: Breaker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """step_tokens: the most that vLLM schedules in a step (max_num_batched_tokens)."""
        self._settings = settings
        self._epoch = epoch
        self._pool = pool
        self._reason_to_bypass = reason_to_bypass
        self._block_tokens = block_tokens
        self._rank_count = len(rank_slot_bytes)
        self._prefix_caching = prefix_caching
        self._recorder = recorder
        self._connections = Connections(link, adoption, epoch, breaker, rank_slot_bytes, recorder)
        self._old_blocks = OldBlocks(pool, hash_of_block)
        self._policy = LoadPolicy(settings, sync_allowed=sync_allowed)
        references = BlockReferences(pool, settings.store_blocks_share)
        self._lookups = Lookups(settings, breaker, recorder, clock)
        self._loads = Loads(self._lookups, references, self._policy, recorder)
        self._stores = Stores(settings, references, recorder, clock)
        self._plan = StorePlan(
            settings,
            self._stores,
            references,
            breaker,
            pool=pool,
            hash_of_block=hash_of_block,
            block_tokens=block_tokens,
            step_tokens=step_tokens,
            prefix_caching=prefix_caching,
        )
        self._step_clock = StepClock(self._policy, clock)
        self._records: dict[str, RequestRecord] = {}
        self._job_ids = itertools.count(1)
        self._ends: dict[int, JobEnd] = {}
        """Of jobs of which not all ranks have reported."""
        self._modes: dict[str, LoadMode] = {}
        """What a request was last answered, between the answer and its admission."""
        self._outbox: list[CopyJob] = []
        """Store jobs made between two steps."""
        self._decoding = 0

    # ---- a request's way ------------------------------------------------------------------------

    def on_new_request(self, request: Request) -> None:
        self._take_in()
        record = RequestRecord(request, bypass=self._reason_to_bypass(request))
        self._records[request.request_id] = record
        connection = self._connections.current
        if record.bypass is None and connection is not None and self._wants_query(request):
            self._lookups.ask(record, connection, self._local_blocks(record))

    def get_num_new_matched_tokens(
        self, request: Request, computed_tokens: int
    ) -> tuple[int | None, bool]:
        """Tokens beyond `computed_tokens` that will be loaded, and whether asynchronously."""
        self._take_in()
        record = self._records.get(request.request_id)
        if record is None or record.bypass is not None:
            return 0, False
        self._see_preemption(record)
        local = computed_tokens // self._block_tokens
        self._old_blocks.looked_up(record, local)
        if record.loading:
            return None, False  # since before a preemption: it must end before another begins
        if record.load_failed or record.stale or not self._wants_query(request):
            return 0, False
        record.local_blocks = local
        hit = self._lookups.hit(record, self._connections.current, local)
        if hit is None:
            return None, False
        # The last token is computed in any case: something has to be sampled from.
        most = (request.num_tokens - 1) // self._block_tokens - local
        blocks = min(hit, most)
        mode = self._choose(record, local, blocks)
        self._modes[record.request_id] = mode
        if mode is LoadMode.SKIP:
            return 0, False
        return blocks * self._block_tokens, mode is LoadMode.ASYNC

    def update_state_after_alloc(
        self, request: Request, blocks: KVCacheBlocks, external_tokens: int
    ) -> None:
        """The request is admitted, and holds `blocks`; `external_tokens` of them are to be loaded.

        Raises AssertionError when vLLM was promised a load that can't be planned: going on would
        serve blocks without content.
        """
        record = self._records.get(request.request_id)
        if record is None:
            return
        record.block_ids = list(blocks.get_block_ids()[0])
        mode = self._modes.pop(record.request_id, LoadMode.ASYNC)
        if external_tokens > 0:
            # Before anything else: a connection that is lost now must not take the lease away.
            count = external_tokens // self._block_tokens
            self._loads.plan(record, next(self._job_ids), record.local_blocks, count, mode)
        self._take_in()
        if not record.loading:
            self._lookups.end(record)
        record.admitted = True
        record.queries = 0
        self._plan.admitted(record, self._connections.current)

    def request_finished(self, request: Request) -> None:
        """Its blocks are about to be freed."""
        self._take_in()
        record = self._records.pop(request.request_id, None)
        if record is None:
            return
        self._modes.pop(record.request_id, None)
        self._lookups.end(record)
        self._see_preemption(record)
        record.finished = True
        self._plan.finished(record, self._connections.current)
        job = self._plan.send_at_once(self._job_ids, record)
        if job is not None:
            self._outbox.append(job)

    # ---- a step ---------------------------------------------------------------------------------

    def plan_step(self, output: SchedulerOutput) -> None:
        """vLLM has scheduled a step; its loads are planned already."""
        self._follow_blocks(output)  # first: blocks that are missed once are missed for good
        self._take_in()
        self._lookups.tick()
        self._step_clock.scheduled(sum(output.num_scheduled_tokens.values()))
        connection = self._connections.current
        for request_id in output.num_scheduled_tokens:
            record = self._records.get(request_id)
            if record is not None and connection is not None:
                self._plan.grown(record, connection)
        store = self._plan.next_store(self._job_ids, output.num_scheduled_tokens)
        if store is not None:
            self._outbox.append(store)

    def orders(self) -> bytes:
        """All that the workers are asked for in this step, packed; loads first."""
        jobs = [*self._loads.take_planned(), *self._outbox]
        self._outbox = []
        return pack_step(StepOrders(self._epoch.number, jobs), self._rank_count)

    def update_connector_output(self, ends_payload: bytes | None) -> None:
        """The workers' reports of one step, folded over the ranks."""
        self._step_clock.output_came()
        if ends_payload:
            for job_id, end in unpack_ends(ends_payload).items():
                self._add_end(job_id, end)
        self._take_in()

    def has_pending_work(self) -> bool:
        """vLLM must go on stepping: a call, an unsent slot or a copy needs the next step."""
        self._take_in()
        return bool(
            self._stores.under_way
            or self._loads.under_way
            or self._lookups.unanswered_orphans
            or any(record.finished for record in self._stores.with_grants)
        )

    # ---- the whole engine -----------------------------------------------------------------------

    def reset(self) -> None:
        """The weights may have changed: what was stored until now is never found again, and what
        stands on blocks of until now is never stored."""
        self._epoch.advance()
        self._connections.reopen("the cache was reset")
        self._take_in()
        self._old_blocks.reset(self._records.values())

    def close(self) -> None:
        self._connections.close()

    # ---- parts ----------------------------------------------------------------------------------

    def _take_in(self) -> None:
        """What other threads have brought since the last hook."""
        self._connections.take_in(self._connection_lost)
        self._stores.drain()
        self._plan.abandon_what_is_gone()

    def _connection_lost(self, connection: Connection) -> None:
        """Its grants are void with it; what was not copied yet can be reserved again."""
        self._stores.void_grants(connection)
        for record in self._records.values():
            record.retries = []
            record.sealed_prefix = 0
            if record.lookup is not None and record.lookup.connection is connection:
                self._lookups.end(record)

    def _wants_query(self, request: Request) -> bool:
        # prompt_logprobs needs the logits of all prompt tokens; vLLM honours that for its own cache
        # only.
        return self._settings.load and not request.skip_reading_prefix_cache

    def _local_blocks(self, record: RequestRecord) -> int:
        """Blocks at the start of its chain that vLLM has itself, as the bound block pool shows."""
        most = (record.request.num_tokens - 1) // self._block_tokens
        if not self._prefix_caching:
            return 0
        for position, block_hash in enumerate(record.hashes[:most]):
            if self._pool.get_cached_block(block_hash, _ONLY_GROUP) is None:
                return position
        return min(most, len(record.hashes))

    def _see_preemption(self, record: RequestRecord) -> None:
        """vLLM tells no connector of a preemption: its blocks are gone, its chain may be longer."""
        if record.request.num_preemptions != record.preemptions_seen:
            record.preemptions_seen = record.request.num_preemptions
            record.admitted = False
            record.block_ids = []
            record.queries = 0
            self._lookups.end(record)

    def _choose(self, record: RequestRecord, local: int, blocks: int) -> LoadMode:
        lease = self._lookups.lease_of(record)
        if blocks <= 0 or lease is None:
            return LoadMode.SKIP
        mode = self._policy.choose(
            tokens=blocks * self._block_tokens,
            copied_bytes=blocks * lease.connection.block_bytes,
            certain=lease.connection.ranks_reach(lease.slots_of(local, blocks)),
            sync_bytes_before=self._loads.sync_bytes_planned,
            decoding=self._decoding > 0,
        )
        if mode is LoadMode.SKIP:
            self._recorder.add("loads_skipped")
        return mode

    def _follow_blocks(self, output: SchedulerOutput) -> None:
        """Blocks that running requests got in this step; admissions have told theirs."""
        cached = output.scheduled_cached_reqs
        self._decoding = sum(1 for tokens in cached.num_output_tokens if tokens > 0)
        for request_id, new_blocks in zip(cached.req_ids, cached.new_block_ids, strict=True):
            record = self._records.get(request_id)
            if record is not None and new_blocks and request_id not in cached.resumed_req_ids:
                record.block_ids.extend(new_blocks[0])

    def _add_end(self, job_id: int, end: JobEnd) -> None:
        before = self._ends.pop(job_id, None)
        total = end if before is None else before.plus(end)
        if total.done + total.failed < self._rank_count:
            self._ends[job_id] = total
        elif not self._loads.ended(job_id, total):
            self._stores.ended(job_id, total)

"""The workers of an engine: they execute a SchedulerOutput as vLLM's model runner does, no kernels.

A step computes a token's cells only if the memory of every rank holds the right cells of all tokens
before it, as attention would read them; otherwise it leaves garbage and samples garbage. So a wrong
load, a block given away too early, or a position too far shows in the answer.
"""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import dataclass

from vllm.config import VllmConfig
from vllm.distributed.kv_transfer.kv_connector.utils import KVOutputAggregator
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, KVConnectorOutput, ModelRunnerOutput

from with_vllm.contract.simulated_model import GARBAGE_TOKEN, Chain, garbage_cells
from with_vllm.contract.simulated_rank import SimulatedRank
from with_vllm.contract.vllm_objects import LAYERS, EngineOptions

_STARTS_LOADS_LATE = "has_sync_kv_loads" in {f.name for f in dataclasses.fields(SchedulerOutput)}
"""0.29 and newer: loads of steps without synchronous ones start after the forward."""


@dataclass
class _Row:
    """A request as the workers know it."""

    chain: Chain
    prompt_tokens: int
    blocks: list[int]
    computed: int


class SimulatedWorkers:
    def __init__(
        self, options: EngineOptions, config: VllmConfig, kv_cache_config: KVCacheConfig
    ) -> None:
        self.ranks = [SimulatedRank(config, kv_cache_config, rank) for rank in range(options.ranks)]
        self.skip_wait_for_save = not _STARTS_LOADS_LATE
        """In steps without tokens: as 0.26 does."""
        self.unsound: list[str] = []
        """Requests that read wrong bytes, once for each step in which they did."""
        self.steps = 0
        self._options = options
        self._rows: dict[str, _Row] = {}
        self._aggregator = KVOutputAggregator(options.ranks)

    def execute(self, output: SchedulerOutput) -> ModelRunnerOutput:
        self.steps += 1
        # As the executor sends it to worker processes.
        metadata = pickle.loads(pickle.dumps(output.kv_connector_metadata))  # noqa: S301
        self._update_rows(output)
        for rank in self.ranks:
            rank.zero(list(getattr(output, "new_block_ids_to_zero", None) or ()))
        assert not getattr(output, "kv_cache_block_copies", None)
        has_tokens = output.total_num_scheduled_tokens > 0
        late = has_tokens and _STARTS_LOADS_LATE and not output.has_sync_kv_loads
        for rank in self.ranks:
            rank.before_forward(metadata, start_loads=not late)
        sampled = self._forward(output)
        transfers = [
            rank.after_forward(
                output.finished_req_ids,
                start_loads=late,
                wait_for_save=has_tokens or not self.skip_wait_for_save,
            )
            for rank in self.ranks
        ]
        return self._folded(sampled, transfers)

    def _update_rows(self, output: SchedulerOutput) -> None:
        for request_id in output.finished_req_ids:
            self._rows.pop(request_id, None)
        for new in output.scheduled_new_reqs:
            tokens = getattr(new, "prefill_token_ids", None) or new.prompt_token_ids
            self._rows[new.req_id] = _Row(
                Chain(tokens),
                len(new.prompt_token_ids),
                list(new.block_ids[0]),
                new.num_computed_tokens,
            )
        cached = output.scheduled_cached_reqs
        for index, request_id in enumerate(cached.req_ids):
            row = self._rows[request_id]
            row.computed = cached.num_computed_tokens[index]
            if request_id in cached.all_token_ids:
                row.chain = Chain(cached.all_token_ids[request_id])
            # Tokens that the scheduler has dropped after a failed load: V1 aligns its state so.
            row.chain.cut(row.prompt_tokens + cached.num_output_tokens[index])
            new_blocks = cached.new_block_ids[index]
            if request_id in cached.resumed_req_ids:
                assert new_blocks is not None
                row.blocks = list(new_blocks[0])
            elif new_blocks is not None:
                row.blocks.extend(new_blocks[0])

    def _forward(self, output: SchedulerOutput) -> dict[str, list[int]]:
        """Tokens sampled, by request; none for a chunk that does not reach the end."""
        sampled: dict[str, list[int]] = {}
        for request_id, count in output.num_scheduled_tokens.items():
            row = self._rows[request_id]
            first, end = row.computed, row.computed + count
            assert end <= len(row.chain), f"{request_id}: tokens to {end} of {len(row.chain)}"
            sound = all(rank.holds(row.chain, row.blocks, first) for rank in self.ranks)
            for rank in self.ranks:
                if sound:
                    rank.compute(row.chain, row.blocks, first, end)
                else:
                    cells = garbage_cells(self.steps, count, rank.cell_bytes)
                    rank.write(row.blocks, first, [cells] * len(LAYERS))
            if not sound:
                self.unsound.append(request_id)
            sampled[request_id] = []
            if end == len(row.chain):
                token = row.chain.next_token() if sound else GARBAGE_TOKEN
                row.chain.append(token)
                sampled[request_id] = [token]
        return sampled

    def _folded(
        self, sampled: dict[str, list[int]], transfers: list[KVConnectorOutput]
    ) -> ModelRunnerOutput:
        outputs: list[ModelRunnerOutput | None] = []
        for transfer in transfers:
            if sampled:
                output = ModelRunnerOutput(
                    req_ids=list(sampled),
                    req_id_to_index={request_id: at for at, request_id in enumerate(sampled)},
                    sampled_token_ids=[list(tokens) for tokens in sampled.values()],
                )
                output.kv_connector_output = transfer
            else:
                output = ModelRunnerOutput.with_kv_conn_output_only(transfer)
            outputs.append(output)
        if len(outputs) == 1:
            assert outputs[0] is not None
            return outputs[0]
        # The executor's: it must not write into vLLM's one empty output.
        outputs = [
            dataclasses.replace(output) if output is EMPTY_MODEL_RUNNER_OUTPUT else output
            for output in outputs
        ]
        folded = self._aggregator.aggregate(outputs)
        assert folded is not None
        return folded

    def close(self) -> None:
        for rank in self.ranks:
            rank.connector.shutdown()

"""One rank of a simulated worker: its KV memory, and a real connector in the worker's role.

The hooks are called in the order in which vLLM's model runners call them:
v1/worker/kv_connector_model_runner_mixin.py and v1/worker/gpu/kv_connector.py.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.distributed.kv_transfer.kv_connector.factory import KVConnectorFactory
from vllm.distributed.kv_transfer.kv_connector.v1.base import KVConnectorRole
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.outputs import KVConnectorOutput

from with_vllm.contract.simulated_model import Chain
from with_vllm.contract.vllm_objects import (
    BLOCK_TOKENS,
    LAYERS,
    config_of_rank,
    make_kv_caches,
)


class SimulatedRank:
    def __init__(self, config: VllmConfig, kv_cache_config: KVCacheConfig, rank: int) -> None:
        self.rank = rank
        self.connector: Any = KVConnectorFactory.create_connector(
            config_of_rank(config, rank), KVConnectorRole.WORKER, kv_cache_config
        )
        self._kv_caches = make_kv_caches(kv_cache_config)
        spec = kv_cache_config.kv_cache_groups[0].kv_cache_spec
        self._page_bytes: int = spec.page_size_bytes
        self.cell_bytes = self._page_bytes // BLOCK_TOKENS
        self._memory = [
            memoryview(self._kv_caches[name].view(torch.uint8).view(-1).numpy()) for name in LAYERS
        ]
        with set_current_vllm_config(config):
            self.connector.register_kv_caches(self._kv_caches)

    # ---- memory ---------------------------------------------------------------------------------

    def holds(self, chain: Chain, blocks: list[int], end: int, first: int = 0) -> bool:
        """Whether its memory has what computing the chain's tokens [first, end) wrote.

        first: where a block begins.
        """
        for layer, memory in enumerate(self._memory):
            for begin in range(first, end, BLOCK_TOKENS):
                stop = min(begin + BLOCK_TOKENS, end)
                at = blocks[begin // BLOCK_TOKENS] * self._page_bytes
                found = memory[at : at + (stop - begin) * self.cell_bytes]
                if found != chain.cells(begin, stop, layer, self.rank, self.cell_bytes):
                    return False
        return True

    def write(self, blocks: list[int], first: int, cells_of_layer: list[bytes]) -> None:
        """Cells from position `first` on."""
        for memory, cells in zip(self._memory, cells_of_layer, strict=True):
            for index in range(len(cells) // self.cell_bytes):
                block, place = divmod(first + index, BLOCK_TOKENS)
                begin = blocks[block] * self._page_bytes + place * self.cell_bytes
                cell = cells[index * self.cell_bytes : (index + 1) * self.cell_bytes]
                memory[begin : begin + self.cell_bytes] = cell

    def compute(self, chain: Chain, blocks: list[int], first: int, end: int) -> None:
        self.write(
            blocks,
            first,
            [
                chain.cells(first, end, layer, self.rank, self.cell_bytes)
                for layer in range(len(LAYERS))
            ],
        )

    def zero(self, blocks: list[int]) -> None:
        for memory in self._memory:
            for block in blocks:
                begin = block * self._page_bytes
                memory[begin : begin + self._page_bytes] = bytes(self._page_bytes)

    # ---- a step's hooks -------------------------------------------------------------------------

    def before_forward(self, metadata: Any, *, start_loads: bool) -> None:
        self.connector.handle_preemptions(metadata)
        self.connector.bind_connector_metadata(metadata)
        if start_loads:
            self.connector.start_load_kv(None)

    def after_forward(
        self, finished: set[str], *, start_loads: bool, wait_for_save: bool
    ) -> KVConnectorOutput:
        if start_loads:
            self.connector.start_load_kv(None)
        if wait_for_save:
            self.connector.wait_for_save()
        output = KVConnectorOutput()
        output.finished_sending, output.finished_recving = self.connector.get_finished(finished)
        output.invalid_block_ids = self.connector.get_block_ids_with_load_errors()
        output.kv_connector_stats = self.connector.get_kv_connector_stats()
        output.kv_connector_worker_meta = self.connector.build_connector_worker_meta()
        self.connector.clear_connector_metadata()
        return output

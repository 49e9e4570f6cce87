"""Looks at every block that is sent to be stored: whether it may be, whether its bytes are right.

A store reads the device's blocks when its step has been computed; what it seals is found by every
engine under the block's hash. So the bytes must be those of the tokens behind the hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vllm.v1.core.kv_cache_utils import get_block_hash
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.request import Request

from pegaflow.wire.steps import CopyJob, JobKind, unpack_step
from with_vllm.contract.inside import Inside
from with_vllm.contract.simulated_model import Chain
from with_vllm.contract.simulated_workers import SimulatedWorkers
from with_vllm.contract.vllm_objects import BLOCK_TOKENS, EngineOptions


@dataclass(frozen=True)
class StoredBlock:
    device_block: int
    block_hash: bytes


class StoreWatch:
    def __init__(self, pool: Any, inside: Inside, options: EngineOptions) -> None:
        self._pool = pool
        self._inside = inside
        self._options = options
        self._requests: list[Request] = []
        self._positions: dict[bytes, tuple[Request, int]] = {}

    def know(self, request: Request) -> None:
        self._requests.append(request)

    def of(self, output: SchedulerOutput) -> list[StoredBlock]:
        """Of the step that was just scheduled, with the hashes under which they will be sealed."""
        stored = []
        for job in unpack_step(output.kv_connector_metadata.payload, 0).jobs:
            self._check_held(job)
            if job.kind is not JobKind.STORE:
                continue
            reserved = self._inside.stores_running[job.job_id].blocks
            for device_block, block in zip(job.device_blocks, reserved, strict=True):
                if self._options.prefix_caching:
                    keyed = self._pool.blocks[device_block].block_hash
                    assert keyed is not None, f"block {device_block} has no hash yet"
                    assert get_block_hash(keyed) == block.block_hash
                stored.append(StoredBlock(device_block, block.block_hash))
        return stored

    def _check_held(self, job: CopyJob) -> None:
        """vLLM can't give its blocks away, and the server not the slots."""
        for device_block in job.device_blocks:
            block = self._pool.blocks[device_block]
            assert not block.is_null
            assert block.ref_cnt > 0, f"block {device_block} is copied and could be given away"
        pages = sum(
            connection.registration.memory.held_pages()
            for connection in self._inside.connections(job.boot_number)
        )
        assert pages >= len(job.device_blocks), "slots are copied whose bits are not set"

    def check(self, stored: list[StoredBlock], workers: SimulatedWorkers) -> None:
        """After the forward: right bytes on every rank."""
        for block in stored:
            request, position = self._find(block.block_hash)
            end = (position + 1) * BLOCK_TOKENS
            chain = Chain(list(request.all_token_ids)[:end])
            blocks = [block.device_block] * (position + 1)
            for rank in workers.ranks:
                assert rank.holds(chain, blocks, end, first=end - BLOCK_TOKENS), (
                    f"block {position} of {request.request_id} is stored with wrong bytes"
                )

    def _find(self, block_hash: bytes) -> tuple[Request, int]:
        if block_hash not in self._positions:
            for request in self._requests:
                for position, known in enumerate(request.block_hashes):
                    self._positions[known] = (request, position)
        return self._positions[block_hash]

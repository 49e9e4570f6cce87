"""An engine without kernels: vLLM's own scheduler, the connector in both roles, a real server.

Steps are made as vLLM's EngineCore makes them (v1/engine/core.py: step and step_with_batch_queue).
Each answer is compared with what an engine without any cache gives.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus
from vllm.v1.structured_output import StructuredOutputManager

from with_vllm.contract.inside import Inside
from with_vllm.contract.simulated_model import answer_of
from with_vllm.contract.simulated_workers import SimulatedWorkers
from with_vllm.contract.store_watch import StoreWatch
from with_vllm.contract.vllm_objects import (
    BLOCK_TOKENS,
    EngineOptions,
    make_kv_cache_config,
    make_request,
    make_vllm_config,
)

WITHIN_S = 30.0
_IDLE_S = 0.001


class ContractEngine:
    def __init__(self, options: EngineOptions, *, connected: bool = True) -> None:
        """connected: waits until the server knows both sides and all ranks reach its slabs."""
        os.environ["PYTHONHASHSEED"] = "0"  # vLLM reads it when it chooses the seed of its hashes
        self.options = options
        self._folder = tempfile.TemporaryDirectory(prefix="pega-contract-")
        config = make_vllm_config(options, Path(self._folder.name))
        kv_cache_config = make_kv_cache_config(options.blocks)
        make = AsyncScheduler if options.async_scheduling else Scheduler
        self.scheduler: Any = make(
            vllm_config=config,
            kv_cache_config=kv_cache_config,
            structured_output_manager=StructuredOutputManager(config),
            block_size=BLOCK_TOKENS,
            log_stats=False,
        )
        self.scheduler.use_v2_model_runner = options.runner == "v2"
        self.connector: Any = self.scheduler.connector
        self.inside = Inside(self.connector)
        self.workers = SimulatedWorkers(options, config, kv_cache_config)
        self.connector.set_xfer_handshake_metadata_pp_aware(
            {(0, rank.rank): rank.connector.get_handshake_metadata() for rank in self.workers.ranks}
        )
        hash_fn = get_hash_fn_by_name(config.cache_config.prefix_caching_hash_algo)
        init_none_hash(hash_fn)
        self._block_hasher = get_request_block_hasher(BLOCK_TOKENS, hash_fn)
        self.requests: dict[str, Request] = {}
        self.answers: dict[str, list[int]] = {}
        self.finished: dict[str, str] = {}
        """Why, by request."""
        self.external_tokens: dict[str, list[int]] = {}
        """What the connector promised, each time a request was admitted."""
        self._stores = StoreWatch(self.scheduler.kv_cache_manager.block_pool, self.inside, options)
        self._in_flight: deque[tuple[SchedulerOutput, ModelRunnerOutput]] = deque()
        self._closed = False
        self._note_promises()
        if connected:
            self.wait_connected()

    # ---- the server -----------------------------------------------------------------------------

    def wait_connected(self, boot_number: int | None = None) -> None:
        """Every rank reaches the slabs of the running server, and the scheduler side knows it."""

        def connected() -> bool:
            self.connector.has_pending_push_work()  # a hook: what the link brings is taken in there
            registration = self.inside.registration
            return (
                registration is not None
                and boot_number in (None, registration.boot_number)
                and registration.memory.ranks_ready()[1]
            )

        wait_until("the engine is connected", connected)

    def wait_told(self) -> None:
        """The server has answered all calls: what was stored can be found."""
        wait_until("the server has been told", lambda: self.inside.calls_under_way == 0)

    # ---- requests -------------------------------------------------------------------------------

    def add(
        self, request_id: str, prompt: Sequence[int], answer_tokens: int = 4, **how: Any
    ) -> Request:
        request = make_request(request_id, list(prompt), answer_tokens, self._block_hasher, **how)
        self.requests[request_id] = request
        self._stores.know(request)
        self.answers[request_id] = []
        self.external_tokens[request_id] = []
        self.scheduler.add_request(request)
        return request

    def abort(self, *request_ids: str) -> None:
        self.scheduler.finish_requests(list(request_ids), RequestStatus.FINISHED_ABORTED)
        for request_id in request_ids:
            self.finished.setdefault(request_id, "abort")

    def preempt_all(self) -> None:
        """And empties vLLM's own prefix cache."""
        self.flush()
        assert self.scheduler.reset_prefix_cache(reset_running_requests=True)

    def reset_prefix_cache(self, *, reset_connector: bool = False) -> bool:
        return bool(self.scheduler.reset_prefix_cache(reset_connector=reset_connector))

    # ---- steps ----------------------------------------------------------------------------------

    def step(self) -> None:
        """One turn of EngineCore."""
        if self.scheduler.has_requests():
            executed = self._schedule().total_num_scheduled_tokens > 0
            if not executed:
                time.sleep(_IDLE_S)
            queue = 2 if self.options.async_scheduling else 1
            if len(self._in_flight) < queue and (executed or self.scheduler.has_requests()):
                return  # the queue is filled before the oldest output is looked at
        if self._in_flight:
            self._update()

    def flush(self) -> None:
        """Takes in the outputs of all steps in flight."""
        while self._in_flight:
            self._update()

    def run_until(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < deadline, f"not within {WITHIN_S:.0f} s: {what}"
            self.step()
            if not self.scheduler.has_requests() and not self._in_flight:
                time.sleep(_IDLE_S)

    def run(self) -> None:
        """Until nothing is left to do, as EngineCore does before it sleeps."""
        self.run_until(
            "the engine is idle",
            lambda: not self.scheduler.has_requests() and not self._in_flight,
        )

    def ask(
        self, request_id: str, prompt: Sequence[int], answer_tokens: int = 4, **how: Any
    ) -> int:
        """Runs one request to its end; tokens that it had from the pool at its first admission."""
        self.add(request_id, prompt, answer_tokens, **how)
        self.run()
        self.wait_told()
        self.check_answer(request_id)
        return self.external_tokens[request_id][0]

    # ---- checks ---------------------------------------------------------------------------------

    def check_answer(self, request_id: str) -> None:
        request = self.requests[request_id]
        assert request.sampling_params is not None
        right = answer_of(request.prompt_token_ids or (), request.sampling_params.max_tokens or 0)
        found = self.answers[request_id]
        if self.finished.get(request_id) == "abort":
            assert found == right[: len(found)], f"{request_id}: a wrong token before its abort"
        else:
            assert self.finished.get(request_id) == "length", f"{request_id} has not ended well"
            assert found == right, f"{request_id}: wrong tokens"

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.scheduler.connector.shutdown()
            self.workers.close()
            self._folder.cleanup()

    # ---- parts ----------------------------------------------------------------------------------

    def _schedule(self) -> SchedulerOutput:
        output: SchedulerOutput = self.scheduler.schedule()
        stores = self._stores.of(output)
        self._in_flight.append((output, self.workers.execute(output)))
        self._stores.check(stores, self.workers)
        return output

    def _update(self) -> None:
        output, result = self._in_flight.popleft()
        for outputs in self.scheduler.update_from_output(output, result).values():
            for one in outputs.outputs:
                if one.request_id in self.answers:
                    self.answers[one.request_id].extend(one.new_token_ids)
                    if one.finish_reason is not None:
                        self.finished.setdefault(one.request_id, str(one.finish_reason))

    def _note_promises(self) -> None:
        """What was answered last before an admission; a promotion after a load asks nothing."""
        answer = self.connector.get_num_new_matched_tokens
        admit = self.connector.update_state_after_alloc
        asked: set[str] = set()

        def note_answer(request: Any, computed_tokens: int) -> Any:
            asked.add(request.request_id)
            return answer(request, computed_tokens)

        def note_admission(request: Any, blocks: Any, external_tokens: int) -> None:
            if request.request_id in asked:
                asked.discard(request.request_id)
                self.external_tokens[request.request_id].append(external_tokens)
            admit(request, blocks, external_tokens)

        self.connector.get_num_new_matched_tokens = note_answer
        self.connector.update_state_after_alloc = note_admission


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:.0f} s: {what}"
        time.sleep(0.002)

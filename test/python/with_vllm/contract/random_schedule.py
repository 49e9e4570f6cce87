"""A random schedule: an engine of random shape and what happens to it, all from one seed.

What must hold is checked by those who take part: every answer is right (simulated_workers.py),
every stored block (store_watch.py), and nothing is left at the end (leftovers.py).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from vllm.v1.request import RequestStatus

from pegaflow.wire.steps import JobKind
from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.leftovers import check_nothing_is_left
from with_vllm.contract.prompts import prompt_of
from with_vllm.contract.server_view import ServerView
from with_vllm.contract.vllm_objects import EngineOptions

_FAMILIES = 3
"""Of prompts: those of one family share a prefix, also between schedules."""


class RandomSchedule:
    def __init__(self, seed: int, server: PegaServer) -> None:
        self._choose = random.Random(seed)
        self._server = server
        self._paused = False
        self._clock_ahead_s = 0.0
        choose = self._choose
        self.engine = ContractEngine(
            EngineOptions(
                endpoint=server.address,
                blocks=choose.choice([16, 24, 64]),
                ranks=choose.choice([1, 1, 2]),
                async_scheduling=choose.random() < 0.5,
                runner=choose.choice(["v1", "v2"]),
                prefix_caching=choose.random() < 0.8,
                requests_most=choose.choice([1, 3, 8]),
                step_tokens=choose.choice([24, 64, 200]),
                settings={
                    "load_policy": choose.choice(["sync", "async", "auto"]),
                    "store_blocks_share": choose.choice([0.02, 0.5]),
                    "decode_batch_blocks": choose.choice([1, 8]),
                    "query_wait_ms": choose.choice([0.0, 50.0]),
                    "query_deadline_ms": choose.choice([20.0, 2000.0]),
                    "reserve_deadline_ms": choose.choice([20.0, 2000.0]),
                    "offload_prompt_only": choose.random() < 0.2,
                },
            )
        )
        self.engine.inside.set_clock(lambda: time.monotonic() + self._clock_ahead_s)
        self.engine.workers.skip_wait_for_save = choose.random() < 0.5
        self._faults = [Faults(rank) for rank in self.engine.workers.ranks]
        self._events: list[tuple[int, Callable[[], None]]] = [
            (30, self._add),
            (60, self._steps),
            (6, self._abort),
            (4, self._preempt),
            (12, self._run_and_reset),
            (4, self._reset),
            (6, self._late),
            (6, self._in_time),
            (6, self._fail),
            (4, self._go_well),
            (2, self._time_passes),
        ]
        if choose.random() < 0.3:  # where the server is often away little is found
            self._events += [
                (3, self._pause),
                (8, self._go_on),
                (1, self._restart),
                (1, self._reset_connector),
            ]

    @property
    def happened(self) -> Counter[str]:
        """What it was for."""
        requests = self.engine.requests
        promises = [tokens for all_of in self.engine.external_tokens.values() for tokens in all_of]
        return Counter(
            requests=len(requests),
            hits=sum(tokens > 0 for tokens in promises),
            aborts=sum(why == "abort" for why in self.engine.finished.values()),
            preemptions=sum(request.num_preemptions for request in requests.values()),
            failed_loads=sum(faults.loads_failed for faults in self._faults),
            failed_stores=sum(faults.stores_failed for faults in self._faults),
        )

    def run(self, events: int) -> None:
        """Then lets everything end, and checks."""
        weights = [weight for weight, _ in self._events]
        for _ in range(events):
            ((_, event),) = self._choose.choices(self._events, weights)
            event()
        self._end()

    def _end(self) -> None:
        engine = self.engine
        self._go_on()
        self._in_time()
        self._go_well()
        engine.run()
        for request_id in engine.requests:
            engine.check_answer(request_id)
        assert engine.workers.unsound == []
        # Workers hear of a reset of the connector in the next step: one more request makes one.
        self.engine.add("the last", prompt_of("the last", 20), 1)
        engine.run()
        engine.wait_connected(self._server.boot_number)
        engine.run()
        with ServerView(self._server.address) as view:
            check_nothing_is_left(engine, view)

    # ---- what can happen ------------------------------------------------------------------------

    def _add(self) -> None:
        choose = self._choose
        most = (self.engine.options.blocks - 2) * 16
        answer = choose.choice([1, 5, 40])
        tokens = choose.randrange(1, max(2, min(most - answer, 220)))
        self.engine.add(
            f"{len(self.engine.requests)}",
            prompt_of(f"family {choose.randrange(_FAMILIES)}", tokens),
            answer,
            prompt_logprobs=choose.random() < 0.05,
            cache_salt=choose.choice([None, None, None, "salt"]),
        )

    def _steps(self) -> None:
        for _ in range(self._choose.choice([1, 3, 10])):
            self.engine.step()
            if self._choose.random() < 0.2:
                time.sleep(0.002)  # the server gets a word in

    def _abort(self) -> None:
        waiting = [r for r in self.engine.requests if r not in self.engine.finished]
        if waiting:
            self.engine.abort(self._choose.choice(waiting))

    def _preempt(self) -> None:
        """vLLM can't while a request waits for its load or copies hold blocks: it raises then."""
        statuses = [request.status for request in self.engine.scheduler.requests.values()]
        if RequestStatus.WAITING_FOR_REMOTE_KVS in statuses:
            return
        self.engine.flush()
        try:
            self.engine.scheduler.reset_prefix_cache(reset_running_requests=True)
        except RuntimeError:
            assert self.engine.inside.references > 0 or not self._all_freed()

    def _all_freed(self) -> bool:
        """Blocks whose release vLLM puts off until the steps in flight have ended, and ours."""
        pool = self.engine.scheduler.kv_cache_manager.block_pool
        return bool(pool.get_num_free_blocks() == len(pool.blocks) - 1)

    def _run_and_reset(self) -> None:
        """All that waits is answered, then vLLM has nothing any more and the pool has it."""
        if self._paused:
            return
        self._in_time()
        self.engine.run()
        self.engine.reset_prefix_cache()

    def _reset(self) -> None:
        """May fail: copies or requests have blocks."""
        self.engine.reset_prefix_cache()

    def _reset_connector(self) -> None:
        self.engine.reset_prefix_cache(reset_connector=True)

    def _late(self) -> None:
        self._choose.choice(self._faults).late()

    def _in_time(self) -> None:
        for faults in self._faults:
            faults.late(False)

    def _fail(self) -> None:
        kind = self._choose.choice([JobKind.LOAD_ASYNC, JobKind.STORE])
        self._choose.choice(self._faults).failing(kind)

    def _go_well(self) -> None:
        for faults in self._faults:
            faults.failing()

    def _pause(self) -> None:
        if not self._paused:
            self._server.pause()
            self._paused = True

    def _go_on(self) -> None:
        if self._paused:
            self._server.go_on()
            self._paused = False

    def _restart(self) -> None:
        self._server.restart()
        self._paused = False

    def _time_passes(self) -> None:
        self._clock_ahead_s += self._choose.choice([1.1, 11.0])

    def close(self) -> None:
        self._go_on()
        self.engine.close()

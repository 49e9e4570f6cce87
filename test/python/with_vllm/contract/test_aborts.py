"""Requests that are aborted, in each state that they can be in with the connector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine, wait_until
from with_vllm.contract.faults import Faults
from with_vllm.contract.leftovers import check_block_pool
from with_vllm.contract.prompts import prompt_of
from with_vllm.contract.server_view import ServerView

MakeEngine = Callable[..., ContractEngine]
SCHEDULERS = pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])


@contextmanager
def silent(server: PegaServer) -> Iterator[None]:
    """It answers nothing meanwhile."""
    server.pause()
    try:
        yield
    finally:
        server.go_on()


def stored(engine: ContractEngine, name: str, tokens: int = 100) -> list[int]:
    """A prompt that the pool has and vLLM has not."""
    prompt = prompt_of(name, tokens)
    engine.ask(f"store {name}", prompt)
    assert engine.reset_prefix_cache()
    return prompt


@SCHEDULERS
def test_waiting_with_an_unanswered_query(
    make_engine: MakeEngine, shared_server: PegaServer, async_scheduling: bool
) -> None:
    engine = make_engine(async_scheduling=async_scheduling, settings={"query_wait_ms": 1.0})
    prompt = stored(engine, f"unanswered {async_scheduling}")
    with silent(shared_server):
        engine.add("a", prompt)
        for _ in range(5):
            engine.step()
        assert engine.external_tokens["a"] == []
        engine.abort("a")
        for _ in range(5):
            engine.step()
        assert engine.connector.has_pending_push_work()  # the answer may bring a lease
    engine.run()
    assert engine.ask("b", prompt) == 96


@SCHEDULERS
def test_before_any_step(
    make_engine: MakeEngine, shared_server: PegaServer, async_scheduling: bool
) -> None:
    engine = make_engine(async_scheduling=async_scheduling)
    prompt = stored(engine, f"before any step {async_scheduling}")
    with silent(shared_server):
        engine.add("a", prompt)
        engine.abort("a")
    engine.run()


def test_waiting_with_an_answer_that_nobody_has_looked_at(make_engine: MakeEngine) -> None:
    engine = make_engine(requests_most=1)
    prompt = stored(engine, "not looked at")
    engine.add("runs", prompt_of("runs", 40), 50)
    engine.add("waits", prompt)
    engine.run_until("the first runs", lambda: len(engine.answers["runs"]) > 3)
    wait_until("the answer is there", lambda: has_answer(engine, "waits"))
    engine.abort("waits")
    engine.run()
    engine.check_answer("runs")


@SCHEDULERS
def test_allocation_refused_with_a_lease(
    make_engine: MakeEngine, shared_server: PegaServer, async_scheduling: bool
) -> None:
    engine = make_engine(async_scheduling=async_scheduling, blocks=12)
    prompt = stored(engine, f"refused {async_scheduling}")
    engine.add("runs", prompt_of(f"large {async_scheduling}", 100), 40)
    engine.run_until("the first runs", lambda: len(engine.answers["runs"]) > 3)
    engine.add("waits", prompt)
    engine.run_until("it has a lease", lambda: engine.inside.has_lease("waits"))
    for _ in range(3):
        engine.step()
    assert engine.external_tokens["waits"] == []
    with ServerView(shared_server.address) as view:
        assert view.left_over()["leases"] >= 1
        engine.abort("waits")
        wait_until("the lease has ended", lambda: view.left_over()["leases"] == 0)
    engine.run()
    engine.check_answer("runs")


@SCHEDULERS
@pytest.mark.parametrize("ranks", [1, 2])
def test_waiting_for_its_load(make_engine: MakeEngine, async_scheduling: bool, ranks: int) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling, ranks=ranks, settings={"load_policy": "async"}
    )
    prompt = stored(engine, f"loading {async_scheduling} {ranks}")
    faults = Faults(engine.workers.ranks[-1])
    faults.late()
    engine.add("a", prompt)
    engine.run_until("it is loaded", lambda: engine.external_tokens["a"] == [96])
    for _ in range(3):
        engine.step()
    engine.abort("a")
    for _ in range(5):
        engine.step()
    assert engine.connector.has_pending_push_work()
    assert not engine.reset_prefix_cache()  # the copy writes into vLLM's blocks
    faults.late(False)
    engine.run()
    check_block_pool(engine)
    assert engine.ask("b", prompt) == 96
    assert engine.workers.unsound == []


@SCHEDULERS
def test_running_with_an_unanswered_reserve(
    make_engine: MakeEngine, shared_server: PegaServer, async_scheduling: bool
) -> None:
    engine = make_engine(async_scheduling=async_scheduling)
    prompt = prompt_of(f"unanswered reserve {async_scheduling}", 100)
    with silent(shared_server):
        engine.add("a", prompt_of("nothing to find", 15), 300)
        engine.run_until("a Reserve is under way", lambda: engine.inside.reserves_under_way > 0)
        engine.abort("a")
        for _ in range(5):
            engine.step()
        assert engine.connector.has_pending_push_work()
    engine.run()
    assert engine.ask("b", prompt) == 0


@pytest.mark.parametrize("prefix_caching", [True, False])
def test_running_with_slots_that_are_granted(make_engine: MakeEngine, prefix_caching: bool) -> None:
    engine = make_engine(step_tokens=16, prefix_caching=prefix_caching)
    engine.add("a", prompt_of(f"granted {prefix_caching}", 200))
    engine.step()
    engine.wait_told()
    engine.run_until("slots are granted", lambda: engine.inside.slots_granted)
    engine.abort("a")  # in the middle of its prompt: most slots have no content
    engine.run()


@SCHEDULERS
@pytest.mark.parametrize("ranks", [1, 2])
def test_running_while_its_blocks_are_copied(
    make_engine: MakeEngine, async_scheduling: bool, ranks: int
) -> None:
    engine = make_engine(async_scheduling=async_scheduling, ranks=ranks)
    prompt = prompt_of(f"in copy {async_scheduling} {ranks}", 100)
    faults = Faults(engine.workers.ranks[-1])
    faults.late()
    engine.add("a", prompt, 100)
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    engine.abort("a")
    for _ in range(5):
        engine.step()
    assert engine.connector.has_pending_push_work()
    assert engine.inside.references > 0
    faults.late(False)
    engine.run()
    engine.wait_told()
    assert engine.reset_prefix_cache()
    assert engine.ask("b", prompt) > 0  # what was copied is good, although its request is gone


def has_answer(engine: ContractEngine, request_id: str) -> bool:
    lookup = engine.inside.lookup(request_id)
    return lookup is not None and lookup.arrived.is_set()

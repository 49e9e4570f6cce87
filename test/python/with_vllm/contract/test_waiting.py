"""Requests that wait between their Query and their admission: what changes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pegaflow.settings import Settings
from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine, wait_until
from with_vllm.contract.prompts import prompt_of
from with_vllm.contract.server_view import ServerView

MakeEngine = Callable[..., ContractEngine]
POLICIES = pytest.mark.parametrize("policy", ["sync", "async"])


@POLICIES
def test_vllms_own_hit_grew(make_engine: MakeEngine, policy: str) -> None:
    engine = make_engine(requests_most=1, settings={"load_policy": policy})
    prompt = prompt_of(f"grew {policy}", 200)
    engine.ask("cold", prompt)
    assert engine.reset_prefix_cache()
    # Both ask the pool at once. With a synchronous load the first runs, and when the second is
    # admitted it has left it 6 blocks; while it waits for an asynchronous one both are admitted.
    engine.add("first", prompt[:100], 5)
    engine.add("second", prompt, 5)
    engine.run()
    assert engine.external_tokens["first"] == [96]
    assert engine.external_tokens["second"] == [96 if policy == "sync" else 192]
    for request_id in ("first", "second"):
        engine.check_answer(request_id)
    # All of it: the lease ends unused.
    assert engine.reset_prefix_cache()
    engine.add("third", prompt, 40)
    engine.run_until("the third runs", lambda: bool(engine.answers["third"]))
    assert engine.scheduler.kv_cache_manager.block_pool.get_num_free_blocks() > 14
    engine.add("fourth", prompt, 5)
    engine.run()
    assert engine.external_tokens["fourth"] == [0]
    engine.check_answer("fourth")
    assert engine.workers.unsound == []


@POLICIES
def test_vllms_own_hit_shrank(make_engine: MakeEngine, policy: str) -> None:
    engine = make_engine(requests_most=1, blocks=14, settings={"load_policy": policy})
    prompt = prompt_of(f"shrank {policy}", 100)
    engine.ask("cold", prompt)
    engine.add("takes all blocks", prompt_of(f"other {policy}", 160), 40)
    engine.add("waits", prompt)
    assert engine.inside.lookup("waits") is None  # vLLM has all of it: nothing was asked
    engine.run()
    assert engine.external_tokens["waits"] == [96]
    for request_id in ("takes all blocks", "waits"):
        engine.check_answer(request_id)
    assert engine.workers.unsound == []


def test_a_lease_that_is_not_used_for_ten_seconds(
    make_engine: MakeEngine, shared_server: PegaServer
) -> None:
    engine = make_engine(blocks=12)
    prompt = prompt_of("not used", 100)
    engine.ask("cold", prompt)
    assert engine.reset_prefix_cache()
    engine.add("runs", prompt_of("runs for long", 100), 60)
    engine.run_until("the first runs", lambda: len(engine.answers["runs"]) > 3)
    engine.add("waits", prompt)
    with ServerView(shared_server.address) as view:
        engine.run_until("a lease is granted", lambda: view.left_over()["leases"] == 1)
        assert engine.external_tokens["waits"] == []
        late = time.monotonic() + 11.0
        engine.inside.set_clock(lambda: late)
        engine.step()
        wait_until("it was given back", lambda: view.totals().hit >= 6)
    engine.inside.set_clock(time.monotonic)
    engine.run()
    assert engine.external_tokens["waits"] == [96]  # asked again
    for request_id in ("runs", "waits"):
        engine.check_answer(request_id)


def test_a_late_answer_is_used_in_a_later_step(
    make_engine: MakeEngine, shared_server: PegaServer
) -> None:
    engine = make_engine(settings={"query_wait_ms": 1.0})
    prompt = prompt_of("late answer", 100)
    engine.ask("cold", prompt)
    assert engine.reset_prefix_cache()
    shared_server.pause()
    try:
        engine.add("a", prompt)
        for _ in range(10):
            engine.step()
        assert engine.external_tokens["a"] == []
    finally:
        shared_server.go_on()
    engine.run()
    engine.check_answer("a")
    assert engine.external_tokens["a"] == [96]


def test_a_server_that_does_not_answer_costs_a_deadline(
    make_engine: MakeEngine, shared_server: PegaServer
) -> None:
    engine = make_engine(
        settings={"query_wait_ms": 1.0, "query_deadline_ms": 50.0, "reserve_deadline_ms": 50.0}
    )
    shared_server.pause()
    try:
        for number in range(6):
            engine.add(f"a {number}", prompt_of(f"no answer {number}", 100))
            engine.run_until(
                "it is answered",
                lambda n=number: f"a {n}" in engine.finished,  # type: ignore[misc]
            )
            engine.check_answer(f"a {number}")
        assert engine.inside.breaker != "closed"
    finally:
        shared_server.go_on()
    engine.run()


def test_a_reserve_that_takes_a_while_still_stores(
    make_engine: MakeEngine, shared_server: PegaServer
) -> None:
    deadline_ms = Settings(endpoint=shared_server.address).reserve_deadline_ms
    engine = make_engine(settings={"query_wait_ms": 1.0, "reserve_deadline_ms": deadline_ms})
    prompt = prompt_of("slow reserve", 100)
    shared_server.pause()
    try:
        engine.add("cold", prompt)
        begun = time.monotonic()
        while time.monotonic() - begun < 0.2:
            engine.step()
    finally:
        shared_server.go_on()
    engine.run()
    assert engine.reset_prefix_cache()
    engine.ask("warm", prompt)
    assert engine.external_tokens["warm"] == [96]

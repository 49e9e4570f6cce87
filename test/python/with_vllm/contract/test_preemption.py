"""Preemption and resumption, which vLLM tells no connector: V1's runner gets a resumed request
among the cached ones with its blocks replaced, V2's gets it as a new one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]
SCHEDULERS = pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
RUNNERS = pytest.mark.parametrize("runner", ["v1", "v2"])
POLICIES = pytest.mark.parametrize("policy", ["sync", "async"])


@SCHEDULERS
@RUNNERS
@POLICIES
def test_a_preempted_request_is_loaded_from_the_pool(
    make_engine: MakeEngine, async_scheduling: bool, runner: str, policy: str
) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling, runner=runner, settings={"load_policy": policy}
    )
    prompt = prompt_of(f"preempted {async_scheduling} {runner} {policy}", 100)
    engine.add("a", prompt, 400)
    engine.step()
    engine.wait_told()
    engine.run_until("it answers", lambda: len(engine.answers["a"]) >= 20)
    engine.run_until(
        "no store runs",
        lambda: not (engine.inside.stores_running or engine.inside.reserves_under_way),
    )
    engine.wait_told()
    engine.preempt_all()
    engine.run()
    engine.check_answer("a")
    promised = engine.external_tokens["a"]
    assert promised[0] == 0
    assert promised[1] >= 96, "the prompt at least was stored by then"
    assert engine.workers.unsound == []


@SCHEDULERS
@RUNNERS
@POLICIES
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_tiny_kv_space(
    make_engine: MakeEngine, async_scheduling: bool, runner: str, policy: str, ranks: int
) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling,
        runner=runner,
        ranks=ranks,
        blocks=20,
        settings={"load_policy": policy},
    )
    for turn in ("cold", "warm"):
        for number in range(5):
            prompt = prompt_of(f"tiny {async_scheduling} {runner} {policy} {ranks} {number}", 50)
            engine.add(f"{turn} {number}", prompt, 60)
        engine.run()
        engine.wait_told()
    preempted = sum(request.num_preemptions for request in engine.requests.values())
    assert preempted > 0
    for request_id in engine.requests:
        engine.check_answer(request_id)
    assert engine.workers.unsound == []


@RUNNERS
def test_preempted_with_slots_granted_and_caching_off(make_engine: MakeEngine, runner: str) -> None:
    """No hash tells then whose a block is, and slots that were granted before have no content."""
    engine = make_engine(
        runner=runner, prefix_caching=False, step_tokens=16, settings={"store_blocks_share": 0.02}
    )
    engine.add("a", prompt_of(f"caching off {runner} a", 300), 5)
    engine.step()
    engine.wait_told()
    engine.run_until("slots are granted", lambda: engine.inside.slots_granted)
    for _ in range(8):
        engine.step()
    engine.run_until("no store runs", lambda: not engine.inside.stores_running)
    engine.preempt_all()
    # Its blocks are this one's now; the first waits for its turn.
    engine.add("b", prompt_of(f"caching off {runner} b", 300), 5)
    engine.run()
    for request_id in ("a", "b"):
        engine.check_answer(request_id)
    for name in ("a", "b"):
        again = prompt_of(f"caching off {runner} {name}", 300)
        engine.ask(f"{name} again", again, 5)
    assert engine.workers.unsound == []


@RUNNERS
def test_preempted_while_its_blocks_are_stored(make_engine: MakeEngine, runner: str) -> None:
    engine = make_engine(runner=runner)
    faults = Faults(engine.workers.ranks[0])
    faults.late()
    engine.add("a", prompt_of(f"in copy {runner}", 100), 400)
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    # vLLM can't empty its cache, for copies read it, but the request is preempted all the same.
    engine.flush()
    with pytest.raises(RuntimeError):
        engine.scheduler.reset_prefix_cache(reset_running_requests=True)
    for _ in range(10):
        engine.step()
    faults.late(False)
    engine.run()
    engine.check_answer("a")
    assert engine.requests["a"].num_preemptions == 1
    assert engine.workers.unsound == []

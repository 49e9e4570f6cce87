"""Loads that fail: vLLM computes what did not come, and the request asks the pool no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pegaflow.wire.steps import JobKind
from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]


@pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("runner", ["v1", "v2"])
def test_blocks_of_a_failed_asynchronous_load_are_computed(
    make_engine: MakeEngine, async_scheduling: bool, runner: str
) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling, runner=runner, settings={"load_policy": "async"}
    )
    prompt = prompt_of(f"failed async {async_scheduling} {runner}", 100)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    Faults(engine.workers.ranks[0]).failing(JobKind.LOAD_ASYNC)
    engine.add("warm", prompt, 30)
    engine.run()
    engine.check_answer("warm")
    assert engine.external_tokens["warm"] == [96, 0]
    assert engine.workers.unsound == []


def test_a_request_that_was_failed_gets_nothing_after_a_preemption(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(settings={"load_policy": "async"})
    prompt = prompt_of("failed once", 100)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    faults = Faults(engine.workers.ranks[0])
    faults.failing(JobKind.LOAD_ASYNC)
    engine.add("warm", prompt, 30)
    engine.run_until("it computes", lambda: len(engine.answers["warm"]) > 3)
    faults.failing()
    engine.preempt_all()
    engine.run()
    engine.check_answer("warm")
    assert engine.external_tokens["warm"] == [96, 0, 0]


def test_a_synchronous_load_that_fails_on_the_cpu(make_engine: MakeEngine) -> None:
    """V1's runner goes back to the first bad block; V2's can't, so it must never fail there."""
    engine = make_engine(settings={"load_policy": "sync"})
    prompt = prompt_of("failed sync", 100)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    faults = Faults(engine.workers.ranks[0])
    faults.failing(JobKind.LOAD_SYNC)
    engine.add("warm", prompt, 30)
    engine.run()
    engine.check_answer("warm")
    assert engine.external_tokens["warm"][0] == 96
    assert engine.workers.unsound == ["warm"]  # the step of the load, whose token vLLM drops
    faults.failing()
    # What is in vLLM's own cache now has been computed.
    assert engine.ask("local", prompt, 30) == 0
    assert engine.workers.unsound == ["warm"]

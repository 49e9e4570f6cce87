"""Steps without tokens: vLLM makes them while only transfers are under way, and some releases call
no wait_for_save in them (0.26: v1/worker/gpu/kv_connector.py, no_forward)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]


@pytest.mark.parametrize("skip", [True, False], ids=["skipped", "called"])
@pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_stores_and_loads_end_in_steps_without_tokens(
    make_engine: MakeEngine, skip: bool, async_scheduling: bool, ranks: int
) -> None:
    engine = make_engine(
        ranks=ranks, async_scheduling=async_scheduling, settings={"load_policy": "async"}
    )
    engine.workers.skip_wait_for_save = skip
    faults = [Faults(rank) for rank in engine.workers.ranks]
    prompt = prompt_of(f"empty steps {skip} {async_scheduling} {ranks}", 100)
    for fault in faults:
        fault.late()
    engine.add("cold", prompt)
    engine.run_until("the answer is there", lambda: "cold" in engine.finished)
    before = engine.workers.steps
    for _ in range(10):
        engine.step()
    assert engine.workers.steps > before  # it does go on, without any request
    for fault in faults:
        fault.late(False)
    engine.run()
    engine.wait_told()
    assert engine.reset_prefix_cache()
    # Only this request, so every step until the load has ended is without tokens.
    assert engine.ask("warm", prompt) == 96
    assert engine.workers.unsound == []


def test_slots_granted_after_the_end_are_stored_in_a_step_without_tokens(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    prompt = prompt_of("one step", 33)
    engine.add("short", prompt, 1)
    engine.step()  # all of it: the answers to its Reserve come later
    assert "short" in engine.finished
    engine.run()
    engine.wait_told()
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt, 1) == 32

"""What must never come into the pool, and stores that must not keep vLLM busy for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from vllm.v1.core.sched.interface import PauseState

from pegaflow.scheduler import assembly
from with_vllm.contract.engine import WITHIN_S, ContractEngine
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]


def test_bypassed_requests(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "reason_to_bypass", lambda _request: "lora")
    engine = make_engine()
    prompt = prompt_of("bypassed", 100)
    engine.ask("a", prompt)
    assert engine.reset_prefix_cache()
    assert engine.ask("b", prompt) == 0
    monkeypatch.undo()
    other = make_engine()
    assert other.ask("c", prompt) == 0


@pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
def test_what_stands_on_kv_of_before_a_reset(
    make_engine: MakeEngine, async_scheduling: bool
) -> None:
    """vLLM's own reset fails while a request runs, the connector's does not: the weights may be
    others, and everything that comes after is computed upon KV of the old ones."""
    engine = make_engine(async_scheduling=async_scheduling)
    old = prompt_of(f"old weights {async_scheduling}", 100)
    engine.add("old", old, 200)
    engine.run_until("it runs", lambda: len(engine.answers["old"]) > 3)
    assert not engine.reset_prefix_cache(reset_connector=True)
    engine.step()
    engine.wait_connected()
    engine.run()
    # Hit in vLLM's own cache, where the blocks of the old weights still are.
    engine.ask("twin", [*old, 7, 8, 9], 40)
    engine.wait_told()
    assert engine.reset_prefix_cache()
    assert engine.ask("again", [*old, 7, 8, 9]) == 0


def test_a_pause_completes_although_slots_wait_for_room(make_engine: MakeEngine) -> None:
    """vLLM's pause waits until there is no work; a slot that waits for room would wait for ever."""
    engine = make_engine(blocks=64, step_tokens=256)
    engine.add("large", prompt_of("large pause", 16 * 50), 60)
    engine.run_until("the large one runs", lambda: len(engine.answers["large"]) > 2)
    engine.run_until("no store runs", lambda: not engine.inside.stores_running)
    engine.add("small", prompt_of("small pause", 40), 3)
    engine.run_until("the small one is over", lambda: "small" in engine.finished)
    engine.scheduler.set_pause_state(PauseState.PAUSED_ALL)
    until_s = time.monotonic() + WITHIN_S
    while engine.scheduler.has_requests() and time.monotonic() < until_s:
        engine.step()
    assert not engine.scheduler.has_requests()
    engine.scheduler.set_pause_state(PauseState.UNPAUSED)
    engine.run()

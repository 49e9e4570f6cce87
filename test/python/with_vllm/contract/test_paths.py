"""Cold, then from the pool: the ways of a request through vLLM's two schedulers and runners."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]

SCHEDULERS = pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
RUNNERS = pytest.mark.parametrize("runner", ["v1", "v2"])
POLICIES = pytest.mark.parametrize("policy", ["sync", "async"])


@SCHEDULERS
@RUNNERS
@POLICIES
@pytest.mark.parametrize("ranks", [1, 2])
def test_cold_then_from_the_pool(
    make_engine: MakeEngine,
    async_scheduling: bool,
    runner: str,
    policy: str,
    ranks: int,
    request: pytest.FixtureRequest,
) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling,
        runner=runner,
        ranks=ranks,
        settings={"load_policy": policy},
    )
    prompt = prompt_of(request.node.name, 100)
    assert engine.ask("cold", prompt, 40) == 0
    assert engine.ask("local", prompt, 1) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt, 40) == 96
    # The answer was stored, too: 100 + 40 tokens are 8 full blocks.
    assert engine.reset_prefix_cache()
    longer = [*prompt, *engine.answers["cold"]]
    assert engine.ask("longer", longer, 4) == 128
    assert engine.workers.unsound == []


@SCHEDULERS
@POLICIES
def test_requests_that_share_a_prefix_at_once(
    make_engine: MakeEngine, async_scheduling: bool, policy: str
) -> None:
    engine = make_engine(
        async_scheduling=async_scheduling, blocks=256, settings={"load_policy": policy}
    )
    shared = prompt_of(f"shared {async_scheduling} {policy}", 64)
    for turn in ("cold", "warm"):
        for number in range(6):
            tail = prompt_of(f"tail {number}", 20 + 7 * number)
            engine.add(f"{turn} {number}", [*shared, *tail], 20)
        engine.run()
        engine.wait_told()
        assert engine.reset_prefix_cache()
    for request_id in engine.requests:
        engine.check_answer(request_id)
    assert all(engine.external_tokens[f"warm {number}"][0] >= 64 for number in range(1))
    assert engine.workers.unsound == []


def test_a_whole_number_of_blocks_leaves_one_to_compute(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = prompt_of("whole blocks", 96)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 80


def test_a_prompt_without_a_full_block(make_engine: MakeEngine) -> None:
    engine = make_engine()
    for number in range(2):
        assert engine.ask(f"short {number}", prompt_of("short", 15), 40) == 0
        assert engine.reset_prefix_cache()


def test_another_engine_finds_what_this_one_stored(make_engine: MakeEngine) -> None:
    prompt = prompt_of("two engines", 200)
    assert make_engine().ask("first", prompt) == 0
    second = make_engine()
    assert second.ask("second", prompt) == 192
    assert second.workers.unsound == []


def test_caching_off(make_engine: MakeEngine) -> None:
    engine = make_engine(prefix_caching=False, step_tokens=24)  # chunks end within blocks
    prompt = prompt_of("caching off", 100)
    engine.add("cold", prompt, 40)
    engine.step()
    engine.wait_told()  # what is granted after the end can't be stored: its blocks are gone
    engine.run()
    engine.wait_told()
    engine.check_answer("cold")
    assert engine.ask("warm", prompt, 40) == 96
    assert engine.workers.unsound == []


def test_prompt_logprobs_are_computed(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = prompt_of("logprobs", 100)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("with logprobs", prompt, prompt_logprobs=True) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 96


def test_a_cache_salt_keeps_apart(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = prompt_of("salt", 100)
    assert engine.ask("a", prompt, cache_salt="a") == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("b", prompt, cache_salt="b") == 0
    assert engine.ask("none", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("a again", prompt, cache_salt="a") == 96


def test_prompts_only(make_engine: MakeEngine) -> None:
    engine = make_engine(settings={"offload_prompt_only": True})
    prompt = prompt_of("prompts only", 96)
    assert engine.ask("cold", prompt, 100) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("longer", [*prompt, *engine.answers["cold"]]) == 96


def test_no_load_where_it_does_not_pay(make_engine: MakeEngine) -> None:
    engine = make_engine(settings={"min_load_tokens": 97})
    prompt = prompt_of("does not pay", 113)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("short", prompt[:100]) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("long", prompt) == 112

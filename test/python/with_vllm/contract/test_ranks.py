"""Two ranks under one scheduler: what one of them reports late, or as failed, counts for both."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pegaflow.wire.steps import JobKind
from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.leftovers import check_block_pool
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]
BOTH = pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
EITHER = pytest.mark.parametrize("rank", [0, 1])


def warm_engine(make_engine: MakeEngine, prompt: list[int], **options: object) -> ContractEngine:
    """Two ranks, asynchronous loads; the pool has the prompt, vLLM has not."""
    engine = make_engine(ranks=2, settings={"load_policy": "async"}, **options)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    return engine


@BOTH
@EITHER
def test_a_load_ends_when_the_last_rank_has_it(
    make_engine: MakeEngine, async_scheduling: bool, rank: int
) -> None:
    prompt = prompt_of(f"late load {async_scheduling} {rank}", 100)
    engine = warm_engine(make_engine, prompt, async_scheduling=async_scheduling)
    faults = Faults(engine.workers.ranks[rank])
    faults.late()
    engine.add("warm", prompt)
    for _ in range(20):
        engine.step()
    assert engine.answers["warm"] == []
    assert engine.connector.has_pending_push_work()
    faults.late(False)
    engine.run()
    engine.check_answer("warm")
    assert engine.external_tokens["warm"] == [96]
    assert engine.workers.unsound == []


@BOTH
@EITHER
def test_a_store_is_sealed_when_the_last_rank_has_it(
    make_engine: MakeEngine, async_scheduling: bool, rank: int
) -> None:
    prompt = prompt_of(f"late store {async_scheduling} {rank}", 100)
    engine = make_engine(ranks=2, async_scheduling=async_scheduling)
    faults = Faults(engine.workers.ranks[rank])
    faults.late()
    engine.add("cold", prompt)
    engine.run_until("the answer is there", lambda: "cold" in engine.finished)
    for _ in range(20):
        engine.step()
    assert engine.connector.has_pending_push_work()
    assert not engine.reset_prefix_cache()  # the copies still read vLLM's blocks
    faults.late(False)
    engine.run()
    engine.wait_told()
    check_block_pool(engine)
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 96


@BOTH
@EITHER
def test_a_store_that_fails_on_one_rank_is_not_sealed(
    make_engine: MakeEngine, async_scheduling: bool, rank: int
) -> None:
    prompt = prompt_of(f"failed store {async_scheduling} {rank}", 100)
    engine = make_engine(ranks=2, async_scheduling=async_scheduling)
    faults = Faults(engine.workers.ranks[rank])
    faults.failing(JobKind.STORE)
    assert engine.ask("cold", prompt) == 0
    assert engine.reset_prefix_cache()
    faults.failing()
    assert engine.ask("again", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 96


@BOTH
@EITHER
def test_a_load_that_fails_on_one_rank_is_computed(
    make_engine: MakeEngine, async_scheduling: bool, rank: int
) -> None:
    prompt = prompt_of(f"failed load {async_scheduling} {rank}", 100)
    engine = warm_engine(make_engine, prompt, async_scheduling=async_scheduling)
    faults = Faults(engine.workers.ranks[rank])
    faults.failing(JobKind.LOAD_ASYNC)
    engine.add("warm", prompt)
    engine.run()
    engine.check_answer("warm")
    assert engine.external_tokens["warm"] == [96, 0]
    assert engine.workers.unsound == []


@BOTH
def test_one_rank_late_and_one_failing(make_engine: MakeEngine, async_scheduling: bool) -> None:
    prompt = prompt_of(f"late and failing {async_scheduling}", 100)
    engine = warm_engine(make_engine, prompt, async_scheduling=async_scheduling)
    late, failing = (Faults(rank) for rank in engine.workers.ranks)
    late.late()
    failing.failing(JobKind.LOAD_ASYNC)
    engine.add("warm", prompt)
    engine.add("other", prompt_of(f"other {async_scheduling}", 50), 30)
    engine.run_until("the other has ended", lambda: "other" in engine.finished)
    assert engine.answers["warm"] == []
    late.late(False)
    engine.run()
    engine.check_answer("warm")
    engine.check_answer("other")
    assert engine.workers.unsound == []

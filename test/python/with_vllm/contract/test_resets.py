"""vLLM's prefix cache is emptied: with copies under way or not, with the connector's or not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pegaflow.client.registration import Registration
from with_vllm.contract.engine import WITHIN_S, ContractEngine, wait_until
from with_vllm.contract.faults import Faults
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]


def test_while_stores_run_it_fails_and_then_succeeds(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = prompt_of("reset", 100)
    faults = Faults(engine.workers.ranks[0])
    faults.late()
    engine.add("a", prompt)
    engine.run_until("the answer is there", lambda: "a" in engine.finished)
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    assert not engine.reset_prefix_cache()
    faults.late(False)
    engine.run_until("the reset succeeds", lambda: engine.reset_prefix_cache())
    engine.run()
    engine.wait_told()
    assert engine.ask("b", prompt) == 96


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("async_scheduling", [False, True], ids=["plain", "async"])
def test_with_the_connector_nothing_stored_is_found_again(
    make_engine: MakeEngine, ranks: int, async_scheduling: bool
) -> None:
    engine = make_engine(ranks=ranks, async_scheduling=async_scheduling)
    prompt = prompt_of(f"epoch {ranks} {async_scheduling}", 100)
    assert engine.ask("cold", prompt) == 0
    before = engine_id_of(engine)
    assert engine.reset_prefix_cache(reset_connector=True)
    # Workers hear of it in the next step's metadata.
    assert engine.ask("during", prompt_of("during", 20)) == 0
    wait_until("another engine", lambda: other_engine(engine, before))
    engine.wait_connected()
    assert engine.reset_prefix_cache()
    assert engine.ask("other weights", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 96
    assert engine.workers.unsound == []


def test_with_the_connector_while_stores_run(make_engine: MakeEngine) -> None:
    engine = make_engine()
    prompt = prompt_of("epoch while storing", 100)
    faults = Faults(engine.workers.ranks[0])
    faults.late()
    engine.add("a", prompt)
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    before = engine_id_of(engine)
    engine.reset_prefix_cache(reset_connector=True)
    for _ in range(5):
        engine.step()
    faults.late(False)
    engine.run()
    engine.check_answer("a")
    wait_until("another engine", lambda: other_engine(engine, before))
    engine.wait_connected()
    assert engine.reset_prefix_cache()
    assert engine.ask("b", prompt) == 0


def test_with_the_connector_while_it_registers(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registration that is being opened is for weights that are gone when it is there."""
    opened, go_on = threading.Event(), threading.Event()
    engine = make_engine()
    before = engine_id_of(engine)
    open_registration = Registration.open

    def open_slowly(*arguments: Any, **named: Any) -> Any:
        registration = open_registration(*arguments, **named)
        opened.set()
        assert go_on.wait(WITHIN_S)
        return registration

    monkeypatch.setattr(Registration, "open", open_slowly)
    engine.inside.reopen()

    def is_opened() -> bool:
        engine.connector.has_pending_push_work()  # a hook: the lost one is closed there
        return opened.is_set()

    wait_until("another registration is there", is_opened)
    engine.reset_prefix_cache(reset_connector=True)
    monkeypatch.undo()
    go_on.set()
    prompt = prompt_of("while it registers", 100)
    assert engine.ask("during", prompt) == 0
    engine.wait_connected()
    assert engine_id_of(engine) != before
    assert engine.reset_prefix_cache()
    engine.ask("again", prompt)
    assert engine.reset_prefix_cache()
    assert engine.ask("warm", prompt) == 96


def engine_id_of(engine: ContractEngine) -> bytes:
    registration = engine.inside.registration
    assert registration is not None
    return bytes(registration.engine_id)


def other_engine(engine: ContractEngine, before: bytes) -> bool:
    registration = engine.inside.registration
    return registration is not None and registration.engine_id != before

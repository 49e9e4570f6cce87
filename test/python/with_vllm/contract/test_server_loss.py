"""The server is killed at each point of a request's life, and comes back with an empty pool.

No request fails or gets a wrong token, nothing stays behind, and new prompts hit again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.faults import Faults
from with_vllm.contract.leftovers import check_nothing_is_left
from with_vllm.contract.prompts import prompt_of
from with_vllm.contract.server_view import ServerView
from with_vllm.contract.vllm_objects import EngineOptions

OPTIONS = [
    pytest.param({"async_scheduling": False, "ranks": 1}, id="plain"),
    pytest.param({"async_scheduling": True, "ranks": 1}, id="async"),
    pytest.param({"async_scheduling": True, "ranks": 2}, id="async, two ranks"),
]


@pytest.fixture(params=OPTIONS)
def make(
    request: pytest.FixtureRequest, pega_server: PegaServer
) -> Iterator[Callable[..., ContractEngine]]:
    engines: list[ContractEngine] = []

    def make_engine(**more: object) -> ContractEngine:
        options = EngineOptions(endpoint=pega_server.address, **{**request.param, **more})
        engines.append(ContractEngine(options))
        return engines[-1]

    try:
        yield make_engine
    finally:
        for engine in engines:
            engine.close()


def goes_on_and_comes_back(engine: ContractEngine, server: PegaServer) -> None:
    """Without the server, then with it: answers, hits, and nothing left."""
    for fault in faults_of(engine):
        fault.late(False)
    engine.run()
    for request_id in list(engine.requests):
        engine.check_answer(request_id)
    check_nothing_is_left(engine, None)
    assert engine.ask("without a server", prompt_of("without", 100)) == 0
    server.start()
    engine.wait_connected(server.boot_number)
    assert engine.reset_prefix_cache()
    prompt = prompt_of("after the return", 100)
    assert engine.ask("cold again", prompt) == 0
    assert engine.reset_prefix_cache()
    assert engine.ask("warm again", prompt) == 96
    assert engine.workers.unsound == []
    with ServerView(server.address) as view:
        check_nothing_is_left(engine, view)


def faults_of(engine: ContractEngine) -> list[Faults]:
    if not hasattr(engine, "faults"):
        engine.faults = [Faults(rank) for rank in engine.workers.ranks]  # type: ignore[attr-defined]
    return engine.faults  # type: ignore[attr-defined, no-any-return]


def stored(engine: ContractEngine, name: str) -> list[int]:
    prompt = prompt_of(name, 100)
    assert engine.ask(f"store {name}", prompt) == 0
    assert engine.reset_prefix_cache()
    return prompt


def test_while_nothing_happens(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make()
    prompt = stored(engine, "idle")
    pega_server.kill()
    engine.add("a", prompt)
    goes_on_and_comes_back(engine, pega_server)


def test_while_a_query_is_not_answered(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make(settings={"query_wait_ms": 1.0})
    prompt = stored(engine, "query")
    pega_server.pause()
    engine.add("a", prompt)
    for _ in range(5):
        engine.step()
    assert engine.external_tokens["a"] == []
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


def test_while_a_lease_waits_for_room(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make(blocks=12)
    prompt = stored(engine, "lease")
    engine.add("runs", prompt_of("large", 100), 40)
    engine.run_until("the first runs", lambda: len(engine.answers["runs"]) > 3)
    engine.add("waits", prompt)
    for _ in range(3):
        engine.step()
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


@pytest.mark.parametrize("runs_on", [True, False], ids=["the load ends well", "the load fails"])
def test_while_a_load_runs(
    make: Callable[..., ContractEngine], pega_server: PegaServer, runs_on: bool
) -> None:
    """What was granted stays readable: the pool outlives the server, and the bits are set."""
    engine = make(settings={"load_policy": "async"})
    prompt = stored(engine, "load")
    faults_of(engine)[-1].late()
    engine.add("a", prompt)
    engine.run_until("it is loaded", lambda: engine.external_tokens["a"] == [96])
    for _ in range(3):
        engine.step()
    if not runs_on:
        from pegaflow.wire.steps import JobKind

        faults_of(engine)[-1].failing(JobKind.LOAD_ASYNC)
    pega_server.kill()
    for _ in range(3):
        engine.step()
    goes_on_and_comes_back(engine, pega_server)


@pytest.mark.parametrize("policy", ["sync", "async"])
def test_between_the_promise_and_the_load(
    make: Callable[..., ContractEngine], pega_server: PegaServer, policy: str
) -> None:
    """vLLM has been promised the hit and has scheduled it; then the server dies and comes back."""
    engine = make(settings={"load_policy": policy})
    prompt = stored(engine, "promised")
    execute = engine.workers.execute
    killed: list[bool] = []

    def kill_first(output):  # type: ignore[no-untyped-def]
        if engine.external_tokens.get("a") == [96] and not killed:
            killed.append(True)
            pega_server.kill()
            pega_server.start()
        return execute(output)

    engine.workers.execute = kill_first  # type: ignore[method-assign]
    engine.add("a", prompt)
    engine.run()
    assert killed
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


def test_while_a_reserve_is_not_answered(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make()
    pega_server.pause()
    engine.add("a", prompt_of("nothing to find", 15), 300)
    engine.run_until("a Reserve is sent", lambda: engine.inside.reserves_under_way > 0)
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


def test_while_slots_are_granted(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make(step_tokens=16)
    engine.add("a", prompt_of("granted", 300))
    engine.step()
    engine.wait_told()
    engine.run_until("slots are granted", lambda: engine.inside.slots_granted)
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


@pytest.mark.parametrize("comes_back", [True, False], ids=["and it is back", "and it is away"])
def test_while_a_store_runs(
    make: Callable[..., ContractEngine], pega_server: PegaServer, comes_back: bool
) -> None:
    engine = make()
    faults_of(engine)[-1].late()
    engine.add("a", prompt_of("store", 100), 60)
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    pega_server.kill()
    if comes_back:
        pega_server.start()
    for _ in range(5):
        engine.step()
    if comes_back:
        faults_of(engine)[-1].late(False)
        engine.run()
        pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


def test_before_a_seal_is_answered(
    make: Callable[..., ContractEngine], pega_server: PegaServer
) -> None:
    engine = make()
    faults_of(engine)[0].late()
    engine.add("a", prompt_of("seal", 100))
    engine.run_until("stores run", lambda: bool(engine.inside.stores_running))
    pega_server.pause()
    faults_of(engine)[0].late(False)
    engine.run_until("a Seal is sent", lambda: not engine.inside.stores_running)
    pega_server.kill()
    goes_on_and_comes_back(engine, pega_server)


def test_an_orderly_stop(make: Callable[..., ContractEngine], pega_server: PegaServer) -> None:
    engine = make()
    prompt = stored(engine, "stop")
    engine.add("a", prompt, 200)
    engine.run_until("it runs", lambda: bool(engine.answers["a"]))
    pega_server.stop()
    goes_on_and_comes_back(engine, pega_server)


def test_a_server_that_comes_later(pega_server: PegaServer) -> None:
    pega_server.kill()
    engine = ContractEngine(EngineOptions(endpoint=pega_server.address), connected=False)
    try:
        prompt = prompt_of("later", 100)
        assert engine.ask("before", prompt) == 0
        pega_server.start()
        engine.wait_connected(pega_server.boot_number)
        assert engine.reset_prefix_cache()
        assert engine.ask("cold", prompt) == 0
        assert engine.reset_prefix_cache()
        assert engine.ask("warm", prompt) == 96
        with ServerView(pega_server.address) as view:
            check_nothing_is_left(engine, view)
    finally:
        engine.close()

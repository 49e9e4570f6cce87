"""The calls of the path against a real server that is late, paused, killed or restarted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Queue
from typing import Any

import pytest

from pegaflow.client.breaker import Breaker
from pegaflow.client.path_calls import PathCalls
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import QueryAnswer, ReserveAnswer
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError
from support.inspect_view import get_pool, list_instances
from support.one_rank_engine import OpenRegistration
from support.pega_server import PegaServer
from support.waiting import until

DEADLINE_S = 10.0


def hashes(name: str, count: int) -> bytes:
    return b"".join(f"{name} {number}".encode().ljust(16, b".") for number in range(count))


class Answers:
    """What on_answer was called with, on which thread, and that it was called once each."""

    def __init__(self) -> None:
        self.queue: Queue[Any] = Queue()
        self.inside_of_a_call = False

    def __call__(self, answer: Any) -> None:
        assert not (self.inside_of_a_call and threading.current_thread() is threading.main_thread())
        self.queue.put(answer)

    def next(self, within_s: float = 20.0) -> Any:
        return self.queue.get(timeout=within_s)

    def no_more(self) -> bool:
        try:
            self.queue.get(timeout=0.2)
        except Empty:
            return True
        return False


class Engine:
    """The scheduler side of the test."""

    def __init__(self, registration: Registration, breaker: Breaker | None = None) -> None:
        self.registration = registration
        self.breaker = breaker or Breaker()
        self.calls = PathCalls(registration, self.breaker)
        self.answers = Answers()

    def ask_query(
        self, name: str, count: int, local: int = 0, within_s: float = DEADLINE_S
    ) -> None:
        self.answers.inside_of_a_call = True
        self.calls.query(hashes(name, count), local, within_s, self.answers)
        self.answers.inside_of_a_call = False

    def ask_reserve(self, name: str, count: int, within_s: float = DEADLINE_S) -> None:
        self.answers.inside_of_a_call = True
        self.calls.reserve(b"", hashes(name, count), within_s, self.answers)
        self.answers.inside_of_a_call = False

    def query(self, name: str, count: int, local: int = 0) -> QueryAnswer:
        self.ask_query(name, count, local)
        answer = self.answers.next()
        assert isinstance(answer, QueryAnswer), answer
        return answer

    def reserve(self, name: str, count: int) -> ReserveAnswer:
        self.ask_reserve(name, count)
        answer = self.answers.next()
        assert isinstance(answer, ReserveAnswer), answer
        return answer

    def seal(self, answer: ReserveAnswer, count: int) -> None:
        """Blocks 0 … count − 1."""
        indices = b"".join(index.to_bytes(4, "little") for index in range(count))
        generations = b"".join(
            answer.reserved[index * 16 + 8 : index * 16 + 16] for index in range(count)
        )
        self.calls.seal(answer.reservation_id, indices, generations)

    def store(self, name: str, count: int) -> None:
        answer = self.reserve(name, count)
        assert answer.outcomes == bytes(count)
        self.seal(answer, count)
        self.calls.forget_reservation(answer.reservation_id)
        self.settle()

    def settle(self) -> None:
        until(lambda: self.calls.outstanding == 0, "nothing is outstanding")


@pytest.fixture
def engine(open_registration: OpenRegistration) -> Iterator[Engine]:
    made = Engine(open_registration())
    yield made
    made.calls.close()


def leases(server: PegaServer) -> tuple[int, int]:
    """Open leases and reservations of the only engine."""
    (instance,) = list_instances(server.address)
    return instance.leases, instance.reservations


def test_what_is_sealed_is_hit_until_released(engine: Engine, pega_server: PegaServer) -> None:
    engine.store("a", 3)
    answer = engine.query("a", 5, local=1)
    assert answer.sealed_before == b"\x01"
    assert answer.hit_blocks == 2
    assert len(answer.slots) == 2 * 8
    assert leases(pega_server)[0] == 1
    engine.calls.release(answer.lease_id)
    engine.calls.release(answer.lease_id)
    engine.settle()
    assert leases(pega_server)[0] == 0
    assert get_pool(pega_server.address).pinned_bytes == 0


def test_what_is_abandoned_is_free_again(engine: Engine) -> None:
    answer = engine.reserve("a", 3)
    engine.seal(answer, 1)
    engine.calls.abandon(answer.reservation_id, (1).to_bytes(4, "little"))
    engine.calls.abandon(answer.reservation_id)
    engine.calls.forget_reservation(answer.reservation_id)
    engine.settle()
    assert engine.query("a", 3).hit_blocks == 1
    assert engine.reserve("a", 3).outcomes == b"\x01\x00\x00"


def test_a_hit_of_nothing_is_over(engine: Engine) -> None:
    answer = engine.query("nobody's", 4)
    assert (answer.hit_blocks, answer.slots) == (0, b"")
    assert engine.calls.outstanding == 0
    engine.calls.release(answer.lease_id)
    assert engine.calls.outstanding == 0, "nothing is sent for it"


def test_the_watermark_rises_with_what_ended(engine: Engine) -> None:
    engine.store("a", 2)  # id 1
    first, second = engine.query("a", 2), engine.query("a", 2)
    assert (first.lease_id, second.lease_id) == (2, 3)
    ids = engine.calls.open_ids
    assert ids.watermark == 2
    engine.calls.release(second.lease_id)
    engine.settle()
    assert ids.watermark == 2
    engine.calls.release(first.lease_id)
    engine.settle()
    assert ids.watermark == 4
    reserved = engine.reserve("b", 1)
    engine.seal(reserved, 1)
    engine.settle()
    assert ids.watermark == 4, "its owner may still send something of it"
    engine.calls.forget_reservation(reserved.reservation_id)
    assert ids.watermark == 5


def test_a_late_query_leaves_no_lease(engine: Engine, pega_server: PegaServer) -> None:
    engine.store("a", 2)
    pega_server.pause()
    engine.ask_query("a", 2, within_s=0.1)
    late = engine.answers.next()
    assert isinstance(late, PegaError)
    assert late.code == "PEGA_TIMEOUT"
    assert engine.calls.outstanding == 1, "its release"
    pega_server.go_on()
    engine.settle()
    assert leases(pega_server)[0] == 0
    assert get_pool(pega_server.address).pinned_bytes == 0
    assert engine.answers.no_more()
    assert not engine.registration.lost
    assert engine.query("a", 2).hit_blocks == 2


def test_a_late_reserve_leaves_no_reservation(engine: Engine, pega_server: PegaServer) -> None:
    pega_server.pause()
    engine.ask_reserve("a", 2, within_s=0.1)
    assert engine.answers.next().code == "PEGA_TIMEOUT"
    pega_server.go_on()
    engine.settle()
    assert engine.answers.no_more()
    assert engine.reserve("a", 2).outcomes == b"\x00\x00"


def test_the_deadline_of_a_reserve_counts_from_the_call(
    open_registration: OpenRegistration,
) -> None:
    engine = Engine(open_registration(), Breaker(failures=1, pause_s=600))
    engine.breaker.failed()
    busy, go_on = threading.Event(), threading.Event()

    def keep_the_calls_thread(_: object) -> None:
        busy.set()
        go_on.wait(20)

    engine.calls.query(hashes("a", 2), 0, DEADLINE_S, keep_the_calls_thread)
    assert busy.wait(20)
    engine.breaker.succeeded()
    engine.ask_reserve("a", 2, within_s=0.05)
    threading.Event().wait(0.1)
    go_on.set()
    assert engine.answers.next().code == "PEGA_TIMEOUT"
    engine.settle()
    engine.calls.close()


def test_a_call_that_has_ended_already_is_answered_from_elsewhere(
    engine: Engine, client: PegaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = client.start

    def start_and_wait(method: str, request: Any, timeout_s: float) -> Any:
        future: Any = start(method, request, timeout_s)
        future.exception()
        return future

    monkeypatch.setattr(client, "start", start_and_wait)
    assert engine.query("a", 2).hit_blocks == 0
    assert engine.answers.no_more()


def test_what_can_not_be_sent_is_answered_too(engine: Engine, client: PegaClient) -> None:
    client.close()
    engine.ask_query("a", 2)
    engine.ask_reserve("a", 2)
    codes = {engine.answers.next().code for _ in range(2)}
    assert codes <= {"PEGA_CANCELLED", "PEGA_UNAVAILABLE"}
    engine.settle()


def test_a_seal_is_repeated_through_a_pause(engine: Engine, pega_server: PegaServer) -> None:
    answer = engine.reserve("a", 2)
    pega_server.pause()
    engine.seal(answer, 2)
    engine.calls.forget_reservation(answer.reservation_id)
    # Longer than one attempt may take: the next has begun.
    threading.Event().wait(1.5)
    assert engine.calls.outstanding == 1
    pega_server.go_on()
    engine.settle()
    assert engine.query("a", 2).hit_blocks == 2
    assert get_pool(pega_server.address).totals.sealed == 2


def test_a_killed_server_answers_everyone_at_once(engine: Engine, pega_server: PegaServer) -> None:
    reserved = engine.reserve("a", 2)
    pega_server.pause()
    engine.ask_query("a", 2, within_s=600)
    engine.ask_reserve("b", 2, within_s=600)
    engine.seal(reserved, 2)
    pega_server.kill()
    assert [engine.answers.next().code for _ in range(2)] == ["PEGA_UNAVAILABLE"] * 2
    assert engine.answers.no_more()
    until(lambda: engine.registration.lost, "lost")
    engine.settle()
    engine.ask_query("a", 2)
    engine.ask_reserve("a", 2)
    assert [engine.answers.next().code for _ in range(2)] == ["PEGA_UNAVAILABLE"] * 2


def test_another_boot_loses_the_registration(engine: Engine, pega_server: PegaServer) -> None:
    pega_server.restart()
    engine.ask_query("a", 2)
    assert engine.answers.next().code in {"PEGA_UNAVAILABLE", "PEGA_STALE_BOOT"}
    until(lambda: engine.registration.lost, "lost")
    engine.settle()


def test_a_loss_on_purpose_ends_what_waits(
    open_registration: OpenRegistration, pega_server: PegaServer
) -> None:
    engine = Engine(open_registration(), Breaker(failures=1))
    pega_server.pause()
    engine.ask_query("a", 2, within_s=600)
    engine.registration.lose("the test says so")
    answer = engine.answers.next()
    assert (answer.code, answer.message) == ("PEGA_UNAVAILABLE", "lost: the test says so")
    engine.settle()
    assert engine.breaker.state == "closed", "it says nothing about the next server"
    engine.calls.close()


def test_closing_answers_everyone_once(engine: Engine, pega_server: PegaServer) -> None:
    pega_server.pause()
    for number in range(20):
        engine.ask_query(f"q{number}", 2, within_s=600)
        engine.ask_reserve(f"r{number}", 2, within_s=600)
    engine.calls.close()
    codes = [engine.answers.next().code for _ in range(40)]
    assert set(codes) == {"PEGA_UNAVAILABLE"}
    assert engine.answers.no_more()
    engine.ask_query("a", 2)
    assert engine.answers.next().code == "PEGA_UNAVAILABLE"
    assert engine.calls.outstanding == 0


def test_the_breaker_stops_calls_until_a_probe_succeeds(
    open_registration: OpenRegistration, pega_server: PegaServer
) -> None:
    now_s = [0.0]
    engine = Engine(open_registration(), Breaker(3, 1.0, clock=lambda: now_s[0]))
    pega_server.pause()
    for _ in range(3):
        engine.ask_query("a", 2, within_s=0.05)
        assert engine.answers.next().code == "PEGA_TIMEOUT"
    assert not engine.breaker.allows()
    engine.ask_query("a", 2, within_s=600)
    engine.ask_reserve("a", 2, within_s=600)
    refusals = [engine.answers.next(), engine.answers.next()]
    assert all("left alone for a moment" in refusal.message for refusal in refusals)
    pega_server.go_on()
    now_s[0] += 1
    assert engine.query("a", 2).hit_blocks == 0
    assert engine.breaker.state == "closed"
    engine.calls.close()


def test_an_answer_that_refuses_is_no_failure_of_the_server(engine: Engine) -> None:
    for _ in range(4):
        engine.calls.query(b"no whole hash", 0, DEADLINE_S, engine.answers)
        assert engine.answers.next().code == "PEGA_INVALID_ARGUMENT"
    assert engine.breaker.state == "closed"
    assert not engine.registration.lost
    engine.settle()


def test_the_same_engine_goes_on_and_gives_back(
    engine: Engine, pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    engine.store("a", 2)
    # A worker keeps the engine alive; else its death would give everything back.
    open_registration(rank=0)
    assert engine.query("a", 2).hit_blocks == 2
    assert engine.reserve("b", 2).outcomes == b"\x00\x00"
    assert leases(pega_server)[0] == 1
    engine.calls.close()
    engine.registration.close()
    again = Engine(open_registration())
    assert again.registration.engine_id == engine.registration.engine_id
    again.settle()
    assert not again.registration.lost
    assert leases(pega_server)[0] == 0
    answer = again.query("a", 2)
    assert answer.hit_blocks == 2
    assert answer.lease_id == 4
    assert again.reserve("b", 2).outcomes == b"\x00\x00", "nobody else writes them"
    again.calls.close()


def test_an_answer_that_its_owner_cannot_use_breaks_nothing(engine: Engine) -> None:
    def raises(_: object) -> None:
        raise RuntimeError("a callback of the test")

    engine.calls.query(hashes("a", 2), 0, DEADLINE_S, raises)
    engine.calls.reserve(b"", hashes("b", 2), DEADLINE_S, raises)
    engine.settle()
    assert engine.query("a", 2).hit_blocks == 0

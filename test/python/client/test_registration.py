"""A process's place with a real server: opened whole, lost whole."""

from __future__ import annotations

import threading
import time

import pytest

from pegaflow.client.engine_id import engine_id_for
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Decision, Identity, SessionReport
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError
from support.inspect_view import list_instances
from support.one_rank_engine import IDENTITY, OpenRegistration
from support.pega_server import PegaServer
from support.waiting import until


def test_both_sides_find_the_same_engine(
    pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    scheduler = open_registration()
    worker = open_registration(rank=0)
    assert scheduler.boot_number == worker.boot_number == pega_server.boot_number
    assert scheduler.engine_id == worker.engine_id
    assert scheduler.engine_id == engine_id_for("run", pega_server.boot_number, 0)
    assert not scheduler.lost
    (instance,) = list_instances(pega_server.address)
    assert instance.engine_id == scheduler.engine_id
    assert dict(instance.identity.fields) == dict(IDENTITY.fields)
    assert [process.alive for process in instance.processes] == [True, True]
    assert {process.client for process in instance.processes} == {"the test"}


def test_a_worker_alone_is_not_found(open_registration: OpenRegistration) -> None:
    with pytest.raises(PegaError, match="PEGA_NOT_FOUND"):
        open_registration(rank=0)
    open_registration()
    open_registration(rank=0)


def test_runs_and_epochs_are_engines_of_their_own(open_registration: OpenRegistration) -> None:
    ids = {
        open_registration(run_id=run_id, epoch=epoch).engine_id
        for run_id, epoch in (("run", 0), ("run", 1), ("another", 0))
    }
    assert len(ids) == 3


def test_one_process_has_one_place_in_an_engine(open_registration: OpenRegistration) -> None:
    first = open_registration()
    with pytest.raises(PegaError, match="PEGA_ALREADY_EXISTS"):
        open_registration()
    assert not first.lost
    first.close()
    again: list[Registration] = []
    refusals: set[str] = set()

    def opens() -> bool:
        try:
            again.append(open_registration())
        except PegaError as error:
            refusals.add(error.code)
        return bool(again)

    until(opens, "the place is free")
    assert again[0].engine_id == first.engine_id
    # For the server the engine is dying until it has looked again.
    assert refusals <= {"PEGA_ALREADY_EXISTS"}


def test_a_refusal_leaves_nothing_open(
    open_registration: OpenRegistration, client: PegaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PegaError, match="PEGA_INVALID_ARGUMENT"):
        open_registration(identity=Identity({}, 0, 16, 1, (8192,)))
    session = client.open_session
    with monkeypatch.context() as patched:
        patched.setattr(client, "open_session", lambda **to: session(**{**to, "nonce": b"n" * 16}))
        with pytest.raises(PegaError, match="PEGA_NOT_SAME_HOST"):
            open_registration()
    open_registration()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_end_of_the_server_is_noticed_at_once(
    how: str, pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    registration = open_registration()
    lost = threading.Event()
    registration.when_lost(lost.set)
    getattr(pega_server, how)()
    assert lost.wait(10)
    assert registration.lost
    expected = "is about to stop" if how == "stop" else "no pega server answers"
    assert expected in (registration.lost_because or "")
    assert registration.memory.boot_number() == registration.boot_number, "the memory stays"


def test_another_boot_number_in_shared_memory_loses_it(
    pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    registration = open_registration()
    registration.poll()
    assert not registration.lost
    pega_server.restart()
    until(lambda: registration.lost, "lost")
    again = open_registration()
    assert again.boot_number == pega_server.boot_number
    assert again.engine_id != registration.engine_id
    assert registration.memory.boot_number() == again.boot_number


def test_it_is_lost_once_and_tells_everyone_once(open_registration: OpenRegistration) -> None:
    registration = open_registration()
    told: list[str] = []

    def raises() -> None:
        told.append("raises")
        raise RuntimeError("a callback of the test")

    registration.when_lost(raises)
    registration.when_lost(lambda: told.append("second"))
    registration.lose("the first reason")
    registration.lose("the second reason")
    registration.when_lost(lambda: told.append("late"))
    assert told == ["raises", "second", "late"]
    assert registration.lost_because == "the first reason"


def test_closing_may_be_repeated(open_registration: OpenRegistration) -> None:
    registration = open_registration()
    registration.close()
    registration.close()
    registration.poll()
    assert registration.lost
    with pytest.raises(PegaError, match="PEGA_CANCELLED"):
        registration.memory.boot_number()


def test_closing_beside_a_silent_server_does_not_wait_for_it(
    pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    registration = open_registration()
    pega_server.pause()
    begun_s = time.monotonic()
    registration.close()
    assert time.monotonic() - begun_s < 5


def test_reports_arrive_and_never_end_the_session(
    pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    registration = open_registration()
    decisions = tuple(Decision("r" * 300, "k" * 300, "€" * 3000, time.time()) for _ in range(2000))
    registration.report(SessionReport(load_bytes=7, load_seconds=0.5, decisions=decisions))

    def arrived() -> bool:
        (instance,) = list_instances(pega_server.address)
        return bool(instance.processes[0].report.load_bytes == 7)

    until(arrived, "the report is shown")
    assert not registration.lost


def test_reports_to_a_silent_server_are_bounded(
    pega_server: PegaServer, open_registration: OpenRegistration
) -> None:
    registration = open_registration()
    pega_server.pause()
    decisions = tuple(Decision("r", "k", "c" * 256, 0.0) for _ in range(256))
    for _ in range(1000):
        registration.report(SessionReport(decisions=decisions))
    # gRPC's window takes some of them, then the queue is full.
    until(lambda: _fills(registration), "the queue is full")
    pega_server.go_on()
    until(registration.takes_report, "the server reads again")
    assert not registration.lost


def _fills(registration: Registration) -> bool:
    registration.report(SessionReport(decisions=(Decision("r", "k", "c" * 256, 0.0),) * 256))
    return not registration.takes_report()

"""The link over the life of several servers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import SessionReport
from pegaflow.client.registration import Registration
from pegaflow.client.server_link import ServerLink
from pegaflow.native.library import Library
from support.inspect_view import list_instances
from support.one_rank_engine import IDENTITY, LAYOUT
from support.pega_server import PegaServer
from support.waiting import until

BACK_WITHIN_S = 3.0


class Owner:
    """What owns the link: closes what was lost and remembers what it was told."""

    def __init__(self, client: PegaClient, library: Library, rank: int | None = None) -> None:
        self.client = client
        self.library = library
        self.rank = rank
        self.ticks: list[Registration | None] = []
        self.lost: list[Registration] = []
        self.reports = 0
        self.threads: set[str] = set()
        self.link = ServerLink(
            self.open,
            on_tick=self.tick,
            on_lost=self.close,
            make_report=self.report,
            name=f"link of rank {rank}",
        )

    def open(self) -> Registration:
        return Registration.open(
            self.client,
            self.library,
            run_id="run",
            epoch=0,
            rank=self.rank,
            rank_count=1,
            identity=IDENTITY if self.rank is None else None,
            layout=None if self.rank is None else LAYOUT,
            device="cpu",
            name="the test",
        )

    def tick(self, registration: Registration | None) -> None:
        self.ticks.append(registration)
        self.threads.add(threading.current_thread().name)

    def close(self, registration: Registration) -> None:
        self.lost.append(registration)
        registration.close()

    def report(self) -> SessionReport:
        self.reports += 1
        return SessionReport(load_jobs=self.reports)

    def connected(self) -> bool:
        return self.link.current is not None


@pytest.fixture
def owner(pega_server: PegaServer, library: Library) -> Iterator[Owner]:
    client = PegaClient(pega_server.address)
    made = Owner(client, library)
    yield made
    made.link.stop()
    client.close()


def test_it_registers_ticks_and_reports(owner: Owner, pega_server: PegaServer) -> None:
    assert not owner.connected()
    owner.link.start()
    until(owner.connected, "registered")
    current = owner.link.current
    assert current is not None
    assert current.boot_number == pega_server.boot_number

    def reported() -> bool:
        (instance,) = list_instances(pega_server.address)
        return bool(instance.processes[0].report.load_jobs >= 2)

    until(reported, "two reports")
    assert owner.ticks[-1] is current
    assert owner.threads == {"link of rank None"}
    owner.link.stop()
    assert owner.lost == [current]
    assert not owner.connected()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_server_that_comes_back_is_registered_at_again(
    how: str, owner: Owner, pega_server: PegaServer
) -> None:
    owner.link.start()
    until(owner.connected, "registered")
    first = owner.link.current
    assert first is not None
    getattr(pega_server, how)()
    until(lambda: not owner.connected(), "lost")
    ticks = len(owner.ticks)
    until(lambda: len(owner.ticks) > ticks + 3, "ticks go on without a server")
    assert owner.ticks[-1] is None
    pega_server.start()
    until(owner.connected, "registered again", BACK_WITHIN_S)
    second = owner.link.current
    assert second is not None
    assert second.boot_number == pega_server.boot_number > first.boot_number
    assert second.engine_id != first.engine_id
    assert owner.lost == [first]


def test_another_boot_number_in_shared_memory_is_noticed(
    owner: Owner, pega_server: PegaServer
) -> None:
    owner.link.start()
    until(owner.connected, "registered")
    (header,) = pega_server.folder.glob("pega-*/header")
    with header.open("r+b") as file:
        file.seek(16)
        file.write((pega_server.boot_number + 2).to_bytes(8, "little"))
    until(lambda: owner.lost, "lost")
    assert owner.lost[0].lost_because == "the server restarted"


def test_a_worker_follows_its_scheduler_side(
    owner: Owner, pega_server: PegaServer, library: Library
) -> None:
    client = PegaClient(pega_server.address)
    worker = Owner(client, library, rank=0)
    worker.link.start()
    until(lambda: len(worker.ticks) > 3, "it tries")
    assert not worker.connected()
    owner.link.start()
    until(worker.connected, "the worker has registered")
    pega_server.restart()
    until(
        lambda: (
            [
                side.link.current is not None
                and side.link.current.boot_number == pega_server.boot_number
                for side in (owner, worker)
            ]
            == [True, True]
        ),
        "both have registered again",
        BACK_WITHIN_S,
    )
    worker.link.stop()
    client.close()


def test_a_registration_lost_on_purpose_is_followed_by_another(owner: Owner) -> None:
    owner.link.start()
    until(owner.connected, "registered")
    first = owner.link.current
    owner.link.reopen("the test says so")
    until(lambda: owner.lost == [first], "given to its owner")
    until(owner.connected, "registered again")
    assert owner.link.current is not first


def test_stopping_does_not_wait_for_a_silent_server(owner: Owner, pega_server: PegaServer) -> None:
    pega_server.pause()
    owner.link.start()
    until(lambda: "link of rank None" in _thread_names(), "it begins to open")
    begun_s = time.monotonic()
    owner.link.stop()
    assert time.monotonic() - begun_s < 5
    assert not owner.connected()
    pega_server.go_on()
    until(lambda: "link of rank None" not in _thread_names(), "the thread ends by itself")
    assert not owner.connected()
    assert all(registration.lost for registration in owner.lost)


def test_what_it_calls_may_raise(owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
    def raises(*_: object) -> Any:
        raise RuntimeError("a callback of the test")

    opened: list[Registration] = []

    def open_at_the_second_try() -> Registration:
        if not opened and "try" not in caplog.text:
            logging.getLogger("the test").warning("first try")
            raise RuntimeError("an opening of the test")
        opened.append(owner.open())
        return opened[-1]

    link = ServerLink(open_at_the_second_try, on_tick=raises, on_lost=raises, make_report=raises)
    link.start()
    until(lambda: link.current is not None, "registered")
    link.reopen("the test says so")
    opened[0].close()
    until(lambda: len(opened) > 1 and link.current is opened[-1], "registered again")
    link.stop()
    opened[-1].close()


def test_an_absent_server_is_told_once(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    client = PegaClient("unix:///dev/shm/pega-nobody-listens-here.sock")
    owner = Owner(client, library)
    tries: list[None] = []

    def counted() -> Registration:
        tries.append(None)
        return owner.open()

    link = ServerLink(counted, on_tick=owner.tick, on_lost=owner.close, make_report=owner.report)
    with caplog.at_level(logging.INFO, logger="pegaflow"):
        link.start()
        until(lambda: len(tries) >= 5, "five tries")
        link.stop()
    client.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "not registered, going on without the server: PEGA_UNAVAILABLE" in caplog.text


def test_a_link_that_was_never_started_stops(library: Library) -> None:
    client = PegaClient("unix:///dev/shm/pega-nobody-listens-here.sock")
    owner = Owner(client, library)
    owner.link.reopen("there is none")
    owner.link.stop()
    client.close()


def _thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]

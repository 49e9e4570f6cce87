"""The channel and its failures, against a real server."""

from __future__ import annotations

import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest

from pegaflow.client import messages
from pegaflow.client.pega_client import PegaClient
from pegaflow.errors import PegaError
from support.one_rank_engine import IDENTITY
from support.pega_server import PegaServer
from support.waiting import until


def release_of_nobody() -> Any:
    return messages.request_class("Release")(caller=messages.Caller(engine_id=b"x" * 16))


@pytest.mark.parametrize("form", ["unix://{socket}", "unix:{socket}", "{grpc}"])
def test_every_form_of_an_address(pega_server: PegaServer, form: str) -> None:
    client = PegaClient(form.format(**pega_server.ready))
    assert client.boot_number(10) == pega_server.boot_number
    client.close()


def test_a_failure_has_the_servers_code_words_and_advice(client: PegaClient) -> None:
    with pytest.raises(PegaError) as caught:
        client.register(
            engine_id=b"short",
            rank=None,
            identity=IDENTITY,
            layout=None,
            shared_layout_version=1,
            device="cpu",
            name="the test",
        )
    assert caught.value.code == "PEGA_INVALID_ARGUMENT"
    assert caught.value.message.startswith("engine_id ")
    assert "Try:" not in caught.value.message
    assert caught.value.advice
    assert str(caught.value) == f"PEGA_INVALID_ARGUMENT: {caught.value.message}"


def test_without_a_server_it_fails_at_once() -> None:
    client = PegaClient("unix:///dev/shm/pega-nobody-listens-here.sock")
    begun_s = time.monotonic()
    with pytest.raises(PegaError, match="PEGA_UNAVAILABLE: no pega server answers at unix://"):
        client.boot_number(60)
    assert time.monotonic() - begun_s < 30, "it waited for its deadline"
    client.close()


def test_a_server_that_is_silent_is_a_timeout(pega_server: PegaServer, client: PegaClient) -> None:
    client.boot_number(10)
    pega_server.pause()
    with pytest.raises(PegaError, match="PEGA_TIMEOUT"):
        client.boot_number(0.2)
    pega_server.go_on()
    assert client.boot_number(10) == pega_server.boot_number


def test_a_server_that_is_slow_to_accept_is_not_absent(pega_server: PegaServer) -> None:
    pega_server.pause()
    client = PegaClient(pega_server.address)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.boot_number, 60)
        with pytest.raises(futures.TimeoutError):
            waiting.result(timeout=1)
        pega_server.go_on()
        assert waiting.result(timeout=60) == pega_server.boot_number
    client.close()


def test_a_server_that_is_back_is_found_within_a_second(
    pega_server: PegaServer, client: PegaClient
) -> None:
    old_boot = client.boot_number(10)
    pega_server.kill()
    # Long enough that a backoff without a bound would be seconds.
    until_s = time.monotonic() + 4
    while time.monotonic() < until_s:
        with pytest.raises(PegaError, match="PEGA_UNAVAILABLE"):
            client.boot_number(10)
        time.sleep(0.01)
    pega_server.start()
    boots: list[int] = []

    def answers() -> bool:
        try:
            boots.append(client.boot_number(10))
        except PegaError:
            return False
        return True

    until(answers, "it is found", within_s=1.0)
    assert boots == [pega_server.boot_number]
    assert boots[0] > old_boot


def test_closing_ends_calls_that_wait(pega_server: PegaServer) -> None:
    client = PegaClient(pega_server.address)
    client.boot_number(10)
    pega_server.pause()
    outcomes: Queue[Any] = Queue()
    future = client.start("Release", release_of_nobody(), 60)
    future.add_done_callback(lambda ended: outcomes.put(client.outcome_of(ended)))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.boot_number, 60)
        client.close()
        assert outcomes.get(timeout=10).code == "PEGA_UNAVAILABLE"
        assert isinstance(waiting.exception(timeout=10), PegaError)


def test_a_closed_client_refuses(pega_server: PegaServer) -> None:
    client = PegaClient(pega_server.address)
    client.close()
    client.close()
    with pytest.raises(PegaError, match="PEGA_CANCELLED"):
        client.boot_number(10)
    with pytest.raises(PegaError, match="PEGA_CANCELLED"):
        client.start("Release", release_of_nobody(), 1)
    with pytest.raises(PegaError, match="PEGA_CANCELLED"):
        client.open_session(engine_id=b"", rank=None, nonce=b"", boot_number=0)


def test_a_call_that_the_server_refuses(client: PegaClient) -> None:
    outcomes: Queue[Any] = Queue()
    future = client.start("Release", release_of_nobody(), 10)
    future.add_done_callback(lambda ended: outcomes.put(client.outcome_of(ended)))
    assert outcomes.get(timeout=10).code in {"PEGA_STALE_BOOT", "PEGA_INVALID_ARGUMENT"}

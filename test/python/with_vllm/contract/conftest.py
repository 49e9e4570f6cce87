"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.leftovers import check_nothing_is_left
from with_vllm.contract.server_view import ServerView
from with_vllm.contract.vllm_objects import EngineOptions


@pytest.fixture(scope="module")
def shared_server() -> Iterator[PegaServer]:
    """One for a file's tests: each asks for prompts of its own."""
    server = PegaServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def pega_server() -> Iterator[PegaServer]:
    """For tests that end it."""
    server = PegaServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def make_engine(shared_server: PegaServer) -> Iterator[Callable[..., ContractEngine]]:
    """Engines on the shared server; when the test is over, nothing may be left of what they did."""
    engines: list[ContractEngine] = []

    def make(**options: Any) -> ContractEngine:
        engine = ContractEngine(EngineOptions(endpoint=shared_server.address, **options))
        engines.append(engine)
        return engine

    try:
        yield make
        with ServerView(shared_server.address) as view:
            for engine in engines:
                engine.run()
                check_nothing_is_left(engine, view)
    finally:
        for engine in engines:
            engine.close()

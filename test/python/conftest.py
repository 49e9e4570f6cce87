"""Fixtures for all rooms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pegaflow.native.library import Library
from support.pega_server import PegaServer


@pytest.fixture
def pega_server() -> Iterator[PegaServer]:
    """A server that runs, on a pool of its own."""
    server = PegaServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def library() -> Library:
    return Library.load()

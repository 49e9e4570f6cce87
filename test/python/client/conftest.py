"""The client of one engine, and how its processes register."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Identity
from pegaflow.client.registration import Registration
from pegaflow.native.library import Library
from support.one_rank_engine import IDENTITY, LAYOUT, OpenRegistration
from support.pega_server import PegaServer


@pytest.fixture
def client(pega_server: PegaServer) -> Iterator[PegaClient]:
    made = PegaClient(pega_server.address)
    yield made
    made.close()


@pytest.fixture
def open_registration(client: PegaClient, library: Library) -> Iterator[OpenRegistration]:
    """Of the scheduler side, or with rank=0 of the worker; closed after the test."""
    opened: list[Registration] = []

    def open_one(
        *,
        rank: int | None = None,
        run_id: str = "run",
        epoch: int = 0,
        identity: Identity | None = IDENTITY,
    ) -> Registration:
        registration = Registration.open(
            client,
            library,
            run_id=run_id,
            epoch=epoch,
            rank=rank,
            rank_count=1,
            identity=identity if rank is None else None,
            layout=None if rank is None else LAYOUT,
            device="cpu",
            name="the test",
        )
        opened.append(registration)
        return registration

    yield open_one
    for registration in opened:
        registration.close()

"""Handle: closed only when nobody uses it."""

from __future__ import annotations

import threading

import pytest

from pegaflow.errors import PegaError
from pegaflow.native.handle import Handle
from support.waiting import until


def test_close_waits_for_users_and_refuses_later_ones() -> None:
    handle = Handle(7, "this thing")
    destroyed: list[int] = []
    with handle as pointer:
        assert pointer == 7
        closing = threading.Thread(target=lambda: handle.close(destroyed.append))
        closing.start()
        until(lambda: handle.closed, "close has begun")
        with pytest.raises(PegaError, match="this thing was closed"), handle:
            pass
        assert destroyed == []
    closing.join()
    assert destroyed == [7]
    handle.close(destroyed.append)
    assert destroyed == [7]


def test_stays_open_when_it_can_t_be_destroyed() -> None:
    handle = Handle(7, "this thing")

    def refuse(_: int) -> None:
        raise PegaError("PEGA_INVALID_ARGUMENT", "still in use")

    with pytest.raises(PegaError):
        handle.close(refuse)
    with handle as pointer:
        assert pointer == 7

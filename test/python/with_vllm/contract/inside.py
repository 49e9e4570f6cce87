"""What the contract tests see of the connector's inside: only here are its private names known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Inside:
    """Of the scheduler side."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector

    @property
    def _side(self) -> Any:
        side = self._connector._scheduler.side
        assert side is not None, "the connector is off"
        return side

    @property
    def _link(self) -> Any:
        return self._side._connections._link

    # ---- the server -----------------------------------------------------------------------------

    @property
    def registration(self) -> Any | None:
        """Not lost."""
        return self._link.current

    def connections(self, boot_number: int) -> list[Any]:
        """The one in use and those that are not closed yet."""
        known = (self._side._connections.current, *self._side._connections._retired)
        return [c for c in known if c is not None and c.boot_number == boot_number]

    @property
    def calls_under_way(self) -> int:
        connection = self._side._connections.current
        return 0 if connection is None or connection.lost else connection.calls.outstanding

    def reopen(self) -> None:
        self._link.reopen("a test")

    @property
    def breaker(self) -> str:
        return str(self._side._lookups._breaker.state)

    # ---- requests -------------------------------------------------------------------------------

    def lookup(self, request_id: str) -> Any | None:
        return self._side._records[request_id].lookup

    def has_lease(self, request_id: str) -> bool:
        lookup = self.lookup(request_id)
        return lookup is not None and lookup.lease is not None

    @property
    def reserves_under_way(self) -> int:
        return int(self._side._stores._reserves_under_way)

    @property
    def slots_granted(self) -> bool:
        """Some that are not sent to the workers yet."""
        return bool(self._side._stores.with_grants)

    @property
    def stores_running(self) -> dict[int, Any]:
        """By job; each has its `blocks`."""
        return dict(self._side._stores._running)

    @property
    def references(self) -> int:
        """On blocks of vLLM's pool."""
        return int(self._side._stores._references.held)

    def set_clock(self, clock: Callable[[], float]) -> None:
        self._side._lookups._clock = clock
        self._side._stores._clock = clock


def boots_of(worker_connector: Any) -> Any:
    """The registrations of a rank, with the copies that run."""
    return worker_connector._worker._boots

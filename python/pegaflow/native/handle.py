"""Handle: one opaque pointer of libpega, safe to close while other threads may still use it.

pega.h asks that a handle be closed only when no other call uses it. Each call is made within
`with handle as pointer`; close waits for those under way and refuses later ones (PEGA_CANCELLED).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from pegaflow.errors import PegaError


class Handle:
    __slots__ = ("_condition", "_pointer", "_users", "_what")

    def __init__(self, pointer: int, what: str) -> None:
        self._pointer: int | None = pointer
        self._what = what
        self._users = 0
        self._condition = threading.Condition(threading.Lock())

    def __enter__(self) -> int:
        with self._condition:
            if self._pointer is None:
                raise PegaError("PEGA_CANCELLED", f"{self._what} was closed")
            self._users += 1
            return self._pointer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._condition:
            self._users -= 1
            if self._users == 0:
                self._condition.notify_all()

    @property
    def closed(self) -> bool:
        return self._pointer is None

    def close(self, destroy: Callable[[int], None]) -> None:
        """`destroy` gets the pointer once nobody uses it; when it raises, the handle stays open.
        A handle that is closed already is left alone."""
        with self._condition:
            pointer = self._pointer
            if pointer is None:
                return
            self._pointer = None
            self._condition.wait_for(lambda: self._users == 0)
        try:
            destroy(pointer)
        except BaseException:
            self._pointer = pointer
            raise

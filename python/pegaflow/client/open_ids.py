"""OpenIds: the ids of one engine's leases and reservations, and the watermark they make.

Ids rise by one. An id is open until its owner needs it no more and every call that ends it has been
answered; only then may the server forget it (docs/protocol.md §4). Any thread may use this.

The server counts the ids of an engine while that lives. So a scheduler side that registers
again as the same engine (same boot, same epoch) goes on after its last id, and gives back what the
lost registration left open.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

ENGINES_KEPT = 16
"""Of this process, the newest; an older one does not come back."""


@dataclass(slots=True)
class _Use:
    endings: int = 0
    """Calls under way that end it or parts of it."""
    forgotten: bool = False
    unanswered: bool = False
    """A call that ended it was given up: the server may still have it."""


class OpenIds:
    def __init__(self, next_id: int = 1, left_open: Iterable[int] = ()) -> None:
        self._lock = threading.Lock()
        self._next_id = next_id
        self._uses: OrderedDict[int, _Use] = OrderedDict((left, _Use()) for left in left_open)
        self._endings = 0

    def take(self) -> int:
        with self._lock:
            taken = self._next_id
            self._next_id += 1
            self._uses[taken] = _Use()
            return taken

    @property
    def watermark(self) -> int:
        """The lowest id that may still be sent."""
        with self._lock:
            return next(iter(self._uses), self._next_id)

    @property
    def open(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(self._uses)

    @property
    def endings(self) -> int:
        """Calls under way that end something."""
        return self._endings

    def begin_ending(self, taken: int) -> bool:
        """False: the id is not open (its end was answered already), nothing is to be sent."""
        with self._lock:
            use = self._uses.get(taken)
            if use is None:
                return False
            use.endings += 1
            self._endings += 1
            return True

    def end_ending(self, taken: int, answered: bool) -> None:
        with self._lock:
            use = self._uses[taken]
            use.endings -= 1
            use.unanswered = use.unanswered or not answered
            self._endings -= 1
            self._drop_if_over(taken)

    def forget(self, taken: int) -> None:
        """Its owner will send nothing more of it."""
        with self._lock:
            use = self._uses.get(taken)
            if use is not None:
                use.forgotten = True
                self._drop_if_over(taken)

    def successor(self) -> OpenIds:
        with self._lock:
            return OpenIds(self._next_id, self._uses)

    def _drop_if_over(self, taken: int) -> None:
        use = self._uses[taken]
        if use.forgotten and use.endings == 0 and not use.unanswered:
            del self._uses[taken]


_newest: OrderedDict[bytes, OpenIds] = OrderedDict()
_newest_lock = threading.Lock()


def ids_of_engine(engine_id: bytes) -> OpenIds:
    """For a new registration; the ids of the lost one before are used no more."""
    with _newest_lock:
        before = _newest.pop(engine_id, None)
        ids = OpenIds() if before is None else before.successor()
        _newest[engine_id] = ids
        if len(_newest) > ENGINES_KEPT:
            _newest.popitem(last=False)
        return ids

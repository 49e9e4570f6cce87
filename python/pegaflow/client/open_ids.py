"""OpenIds: the ids of one scheduler side's leases and reservations, and the watermark they make.

Ids rise by one. An id is open until its owner needs it no more and every call that ends it has been
answered; only then may the server forget it (docs/protocol.md §4). Any thread may use it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Use:
    endings: int = 0
    """Calls under way that end it or parts of it."""
    forgotten: bool = False


class OpenIds:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_id = 1
        self._uses: OrderedDict[int, _Use] = OrderedDict()
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

    def end_ending(self, taken: int) -> None:
        with self._lock:
            self._uses[taken].endings -= 1
            self._endings -= 1
            self._drop_if_over(taken)

    def forget(self, taken: int) -> None:
        """Its owner will send nothing more of it."""
        with self._lock:
            use = self._uses.get(taken)
            if use is not None:
                use.forgotten = True
                self._drop_if_over(taken)

    def _drop_if_over(self, taken: int) -> None:
        use = self._uses[taken]
        if use.forgotten and use.endings == 0:
            del self._uses[taken]

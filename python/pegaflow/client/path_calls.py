"""PathCalls: the calls of the path of one scheduler side, for one Registration.

Query and Reserve have a deadline and are tried once: late is a miss, and what a late one still
grants is given back. What ends a grant (Release, Seal, Abandon) is repeated until the server has
answered or the registration is lost (docs/protocol.md §2, §4). No call waits and none raises.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pegaflow.client.breaker import Breaker
from pegaflow.client.calls_thread import CallsThread
from pegaflow.client.endings import Endings
from pegaflow.client.failures import unwell
from pegaflow.client.open_ids import OpenIds, ids_of_engine
from pegaflow.client.path_sender import PathSender
from pegaflow.client.records import QueryAnswer, ReserveAnswer
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError

SLOT_BYTES = 8
RESERVED_BYTES = 16

Answer = TypeVar("Answer", QueryAnswer, ReserveAnswer)


class PathCalls:
    """Any thread may call anything, callbacks included."""

    def __init__(self, registration: Registration, breaker: Breaker) -> None:
        """`breaker` may be that of the registration before: it is closed, because a server that has
        just registered this process answers."""
        self._registration = registration
        self._breaker = breaker
        self._lock = threading.Lock()
        self._unanswered = 0
        self._ids = ids_of_engine(registration.engine_id)
        self._thread = CallsThread()
        self._sender = PathSender(registration, self._ids, self._thread)
        self._endings = Endings(registration, self._ids, self._sender, self._thread)
        self._give_back(self._ids.open)
        breaker.succeeded()

    @property
    def open_ids(self) -> OpenIds:
        """Of leases and reservations that have not ended: to look at."""
        return self._ids

    @property
    def outstanding(self) -> int:
        """Queries and reserves without an answer, and endings that the server has not answered."""
        return self._unanswered + self._ids.endings

    def query(
        self,
        hashes: bytes,
        local_hit_blocks: int,
        deadline_s: float,
        on_answer: Callable[[QueryAnswer | PegaError], None],
    ) -> None:
        """Sent at once. `on_answer` is called exactly once, on any thread, never from in here.
        After a PegaError, or a hit of no blocks, nothing is left to be done; else release()."""

        def ended(lease_id: int, outcome: Any) -> None:
            answer = _query_answer(
                lease_id, outcome, local_hit_blocks, self._registration.rank_count
            )
            if isinstance(answer, PegaError):
                self.release(lease_id)
            elif answer.hit_blocks == 0:
                self._forget(lease_id)
            self._answered(answer, on_answer)

        if self._admit(on_answer):
            fields = {"hashes": hashes, "local_hit_blocks": local_hit_blocks}
            self._ask("Query", "lease_id", fields, deadline_s, ended)

    def release(self, lease_id: int) -> None:
        """Its slots' bits are clear. Again, or of an id that has ended: nothing happens."""
        self._endings.end("Release", lease_id, {"lease_ids": [lease_id]})
        self._forget(lease_id)

    def reserve(
        self,
        parent_hash: bytes,
        hashes: bytes,
        deadline_s: float,
        on_answer: Callable[[ReserveAnswer | PegaError], None],
    ) -> None:
        """Sent by the calls thread; the deadline counts from here. `on_answer` as in query(). After
        an answer every granted block is sealed or abandoned, then the reservation forgotten."""

        def ended(reservation_id: int, outcome: Any) -> None:
            answer = _reserve_answer(reservation_id, outcome, self._registration.rank_count)
            if isinstance(answer, PegaError):
                self.abandon(reservation_id)
                self.forget_reservation(reservation_id)
            self._answered(answer, on_answer)

        if self._admit(on_answer):
            fields = {"parent_hash": parent_hash, "hashes": hashes}
            due_s = time.monotonic() + deadline_s
            self._thread.post(
                lambda: self._ask(
                    "Reserve", "reservation_id", fields, due_s - time.monotonic(), ended
                )
            )

    def seal(self, reservation_id: int, indices: bytes, generations: bytes) -> None:
        """All ranks have written these blocks; their slots' bits are clear."""
        self._endings.end(
            "Seal",
            reservation_id,
            {"reservation_id": reservation_id, "indices": indices, "generations": generations},
        )

    def abandon(self, reservation_id: int, indices: bytes = b"") -> None:
        """`indices` empty: all that is not sealed. Their slots' bits are clear."""
        self._endings.end(
            "Abandon", reservation_id, {"reservation_id": reservation_id, "indices": indices}
        )

    def forget_reservation(self, reservation_id: int) -> None:
        """Seals and abandons of all of its blocks are given; they may still be under way."""
        self._forget(reservation_id)

    def close(self) -> None:
        """Loses the registration: who waits for an answer gets PEGA_UNAVAILABLE, endings end."""
        self._registration.lose("this side closed its calls")
        self._thread.close()

    def _give_back(self, left_open: tuple[int, ...]) -> None:
        """What a lost registration of the same engine had; leases or reservations, nobody knows."""
        for taken in left_open:
            self.abandon(taken)
            self.release(taken)

    def _forget(self, taken: int) -> None:
        # After the loss an id stays open: the next registration may be the same engine.
        if not self._registration.lost:
            self._ids.forget(taken)

    def _admit(self, on_answer: Callable[[Any], None]) -> bool:
        """Else `on_answer` gets the reason."""
        with self._lock:
            self._unanswered += 1
        if self._registration.lost:
            reason = f"lost: {self._registration.lost_because}"
        elif not self._breaker.admit():
            reason = "left alone for a moment: several calls in a row failed or were late"
        else:
            return True
        refusal = PegaError("PEGA_UNAVAILABLE", f"the server is {reason}")
        self._thread.post(lambda: self._tell(refusal, on_answer))
        return False

    def _ask(
        self,
        method: str,
        id_field: str,
        fields: dict[str, Any],
        timeout_s: float,
        ended: Callable[[int, Any], None],
    ) -> None:
        taken = self._ids.take()
        fields = {id_field: taken, **fields}
        self._sender.send(method, fields, timeout_s, lambda outcome: ended(taken, outcome))

    def _answered(self, answer: Answer | PegaError, on_answer: Callable[[Any], None]) -> None:
        # The end of calls whose registration is lost says nothing about the server that comes next.
        if not isinstance(answer, PegaError) or not unwell(answer):
            self._breaker.succeeded()
        elif not self._registration.lost:
            self._breaker.failed()
        self._tell(answer, on_answer)

    def _tell(self, answer: Answer | PegaError, on_answer: Callable[[Any], None]) -> None:
        with self._lock:
            self._unanswered -= 1
        on_answer(answer)


def _query_answer(
    lease_id: int, outcome: Any, local_hit_blocks: int, rank_count: int
) -> QueryAnswer | PegaError:
    if isinstance(outcome, PegaError):
        return outcome
    answer = QueryAnswer(lease_id, outcome.hit_blocks, outcome.sealed_before, outcome.slots)
    if (
        len(answer.sealed_before) != local_hit_blocks
        or len(answer.slots) != answer.hit_blocks * rank_count * SLOT_BYTES
    ):
        return PegaError(
            "PEGA_INTERNAL",
            f"Query answered {len(answer.slots)} bytes of slots for {answer.hit_blocks} blocks of "
            f"{rank_count} ranks, and a bitmap of {len(answer.sealed_before)} bytes for "
            f"{local_hit_blocks} blocks",
        )
    return answer


def _reserve_answer(
    reservation_id: int, outcome: Any, rank_count: int
) -> ReserveAnswer | PegaError:
    if isinstance(outcome, PegaError):
        return outcome
    answer = ReserveAnswer(reservation_id, outcome.outcomes, outcome.reserved)
    if len(answer.reserved) != len(answer.outcomes) * rank_count * RESERVED_BYTES:
        return PegaError(
            "PEGA_INTERNAL",
            f"Reserve answered {len(answer.reserved)} bytes for {len(answer.outcomes)} blocks of "
            f"{rank_count} ranks",
        )
    return answer

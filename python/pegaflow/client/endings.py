"""Endings: calls that end a grant, repeated until the server answers or the registration is lost.

Release, Seal and Abandon may be repeated without harm (docs/protocol.md §4); what was granted and
never ended would stay in the pool for as long as the engine lives.
"""

from __future__ import annotations

from typing import Any

from pegaflow.client.calls_thread import CallsThread
from pegaflow.client.failures import answered
from pegaflow.client.open_ids import OpenIds
from pegaflow.client.path_sender import PathSender
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError

TIMEOUT_S = 1.0
REPEAT_FIRST_S = 0.05
REPEAT_MOST_S = 1.0


class Endings:
    def __init__(
        self, registration: Registration, ids: OpenIds, sender: PathSender, thread: CallsThread
    ) -> None:
        self._registration = registration
        self._ids = ids
        self._sender = sender
        self._thread = thread
        registration.when_lost(thread.hurry)

    def end(self, method: str, taken: int, fields: dict[str, Any]) -> None:
        """Sends it from the calls thread. Nothing happens for an id that has ended."""
        if not self._registration.lost and self._ids.begin_ending(taken):
            self._thread.post(lambda: self._send(method, taken, fields, REPEAT_FIRST_S))

    def _send(self, method: str, taken: int, fields: dict[str, Any], pause_s: float) -> None:
        def ended(outcome: Any) -> None:
            is_answer = not isinstance(outcome, PegaError) or answered(outcome)
            if is_answer or self._registration.lost:
                self._ids.end_ending(taken, is_answer)
                return
            longer_s = min(pause_s * 2, REPEAT_MOST_S)
            self._thread.post(lambda: self._send(method, taken, fields, longer_s), pause_s)

        self._sender.send(method, fields, TIMEOUT_S, ended)

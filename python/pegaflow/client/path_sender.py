"""PathSender: sends calls of the path for one Registration and hands on how each ended.

It repeats nothing. Answers arrive on gRPC's thread, or on the calls thread where nothing was sent.
A failure that says that the server does not know this engine loses the registration.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from pegaflow.client import messages
from pegaflow.client.calls_thread import CallsThread
from pegaflow.client.failures import disowned
from pegaflow.client.open_ids import OpenIds
from pegaflow.client.pega_client import PathFuture
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError

logger = logging.getLogger(__name__)

OnEnd = Callable[[Any], None]
"""Takes the answer's message or a PegaError."""


class PathSender:
    def __init__(self, registration: Registration, ids: OpenIds, thread: CallsThread) -> None:
        self._registration = registration
        self._ids = ids
        self._thread = thread
        self._lock = threading.Lock()
        self._under_way: set[PathFuture] = set()
        registration.when_lost(self._cancel_all)

    def send(self, method: str, fields: dict[str, Any], timeout_s: float, on_end: OnEnd) -> None:
        """Does not wait. `on_end` is called exactly once, never from in here."""
        if self._registration.lost:
            self._thread.post(lambda: on_end(self._lost()))
            return
        try:
            request = messages.request_class(method)(caller=self._caller(), **fields)
            future = self._registration.client.start(method, request, timeout_s)
        except Exception as error:
            failure = error if isinstance(error, PegaError) else _unexpected(error)
            self._thread.post(lambda: on_end(failure))
            return
        with self._lock:
            self._under_way.add(future)
        if self._registration.lost_because is not None:  # the loss came before the line above
            future.cancel()
        self._follow(future, on_end)

    def _follow(self, future: PathFuture, on_end: OnEnd) -> None:
        here = threading.get_ident()
        inside = True

        def ended(_: object) -> None:
            # gRPC calls back inside of add_done_callback when the call has failed already.
            if inside and threading.get_ident() == here:
                self._thread.post(lambda: self._finish(future, on_end))
            else:
                self._finish(future, on_end)

        future.add_done_callback(ended)
        inside = False

    def _finish(self, future: PathFuture, on_end: OnEnd) -> None:
        with self._lock:
            self._under_way.discard(future)
        try:
            outcome = self._outcome(future)
            on_end(outcome)
        except Exception:  # gRPC's thread has no use for it
            logger.exception("pega: what follows an answer failed")

    def _outcome(self, future: PathFuture) -> Any:
        outcome = self._registration.client.outcome_of(future)
        if isinstance(outcome, PegaError):
            if disowned(outcome):
                self._registration.lose(str(outcome))
            elif self._registration.lost:
                return self._lost()
        return outcome

    def _caller(self) -> Any:
        return messages.Caller(
            engine_id=self._registration.engine_id,
            token=self._registration.token,
            boot_number=self._registration.boot_number,
            watermark=self._ids.watermark,
        )

    def _lost(self) -> PegaError:
        return PegaError("PEGA_UNAVAILABLE", f"lost: {self._registration.lost_because}")

    def _cancel_all(self) -> None:
        with self._lock:
            under_way = list(self._under_way)
        for future in under_way:
            future.cancel()


def _unexpected(error: Exception) -> PegaError:
    return PegaError("PEGA_INTERNAL", f"a call could not be sent: {error!r}")

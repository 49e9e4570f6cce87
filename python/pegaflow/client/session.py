"""Session: this process's stream to the server: hello, then reports while it lives.

Its end is how a client learns at once that the server is gone. It does not reconnect: its owner
does. Two daemon threads read and write it; what it calls back runs on the reading one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import grpc

from pegaflow.client import messages
from pegaflow.client.failures import failure_of
from pegaflow.client.records import SessionReport
from pegaflow.errors import PegaError

REPORTS_WAITING_MAX = 4
# A larger report would end the session (512 KiB a message).
DECISIONS_MAX = 256
REQUEST_ID_CHARACTERS = 128
KIND_CHARACTERS = 64
CAUSE_CHARACTERS = 256
END_WITHIN_S = 0.3
"""A server that is there answers the end of a stream at once; one that is paused never does."""


class Session:
    def __init__(self, open_stream: Callable[..., Any], hello: Any, target: str) -> None:
        """Use PegaClient.open_session."""
        self._target = target
        self._outgoing: SimpleQueue[Any] = SimpleQueue()
        self._outgoing.put(messages.SessionRequest(hello=hello))
        self._lock = threading.Lock()
        self._welcome = threading.Event()
        self._ended = threading.Event()
        self._over: PegaError | None = None
        self._on_over: Callable[[PegaError], None] | None = None
        self._stream = open_stream(iter(self._outgoing.get, None))
        threading.Thread(target=self._read, name="pega-session", daemon=True).start()

    @property
    def over(self) -> PegaError | None:
        """Why it has ended, or is about to."""
        return self._over

    def wait_welcome(self, timeout_s: float) -> None:
        """Until the server has accepted the proof. Raises its PegaError, or PEGA_TIMEOUT."""
        if not self._welcome.wait(timeout_s):
            raise PegaError("PEGA_TIMEOUT", f"no welcome from {self._target} in {timeout_s:g} s")
        if self._over is not None:
            raise self._over

    def when_over(self, on_over: Callable[[PegaError], None]) -> None:
        """Calls back once, at once if it is over already. That the server says that it is about to
        stop counts as the end."""
        with self._lock:
            self._on_over = on_over
            over = self._over
        if over is not None:
            on_over(over)

    def takes_report(self) -> bool:
        """False while the server does not read those before."""
        return self._over is None and self._outgoing.qsize() < REPORTS_WAITING_MAX

    def report(self, report: SessionReport) -> None:
        if self.takes_report():
            self._outgoing.put(messages.SessionRequest(report=_report(report)))

    def close(self) -> None:
        self._finish(PegaError("PEGA_CANCELLED", "the session was closed"))
        self._outgoing.put(None)
        if not self._ended.wait(END_WITHIN_S):
            self._stream.cancel()

    def _read(self) -> None:
        over = PegaError("PEGA_UNAVAILABLE", f"the server at {self._target} ended the session")
        try:
            for response in self._stream:
                if response.HasField("welcome"):
                    self._welcome.set()
                elif response.HasField("draining"):
                    self._finish(PegaError("PEGA_UNAVAILABLE", "the server is about to stop"))
        except grpc.RpcError:
            over = failure_of(self._stream, self._target)
        except Exception as error:  # a thread that dies would leave the owner waiting
            over = PegaError("PEGA_INTERNAL", f"reading the session failed: {error!r}")
        finally:
            self._finish(over)
            self._outgoing.put(None)  # grpc's writing thread waits for the next one
            self._ended.set()

    def _finish(self, over: PegaError) -> None:
        with self._lock:
            if self._over is not None:
                return
            self._over = over
            on_over = self._on_over
        self._welcome.set()
        if on_over is not None:
            on_over(over)


def _report(report: SessionReport) -> Any:
    message = messages.SessionReport(
        load_bytes=report.load_bytes,
        store_bytes=report.store_bytes,
        load_jobs=report.load_jobs,
        store_jobs=report.store_jobs,
        failed_jobs=report.failed_jobs,
        load_seconds=report.load_seconds,
        store_seconds=report.store_seconds,
        transfers_running=report.transfers_running,
        slabs_ready=report.slabs_ready,
        decisions_dropped=report.decisions_dropped,
    )
    for decision in report.decisions[:DECISIONS_MAX]:
        message.decisions.add(
            request_id=decision.request_id[:REQUEST_ID_CHARACTERS],
            kind=decision.kind[:KIND_CHARACTERS],
            cause=decision.cause[:CAUSE_CHARACTERS],
            time_seconds=decision.time_seconds,
        )
    return message

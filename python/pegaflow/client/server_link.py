"""ServerLink: the way to the server over this process's life: opens, notices the loss, opens again.

One daemon thread. A server may be absent, die or restart: there is a Registration or there is none,
and nobody waits for it. What becomes of a lost one decides its owner.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from pegaflow.client.records import SessionReport
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError

logger = logging.getLogger(__name__)

TICK_S = 0.1
REPORT_S = 1.0
PAUSE_FIRST_S = 0.1
PAUSE_MOST_S = 0.25
"""Trying a Unix socket costs next to nothing, and a server that is back is to be used at once."""
STEADY_S = 5.0
"""A registration that lasted as long begins the pauses anew."""
REPEAT_LOG_S = 60.0
STOP_WITHIN_S = 1.0


class ServerLink:
    def __init__(
        self,
        open: Callable[[], Registration],
        *,
        on_tick: Callable[[Registration | None], None],
        on_lost: Callable[[Registration], None],
        make_report: Callable[[], SessionReport],
        name: str = "pega-link",
    ) -> None:
        """All four are called on the link's thread. `on_lost` becomes the registration's owner and
        closes it when it may go, also after stop()."""
        self._open = open
        self._on_tick = on_tick
        self._on_lost = on_lost
        self._make_report = make_report
        self._name = name
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._current: Registration | None = None
        self._log = _ChangeLog()

    @property
    def current(self) -> Registration | None:
        """What may be used now."""
        current = self._current
        return None if current is None or current.lost else current

    def start(self) -> None:
        """Returns at once."""
        assert self._thread is None
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Loses the current registration. An opening that waits for a silent server ends later."""
        self._stopping.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_WITHIN_S)

    def reopen(self, reason: str) -> None:
        """Loses the current registration on purpose; the next one follows."""
        current = self._current
        if current is not None:
            current.lose(reason)

    def _run(self) -> None:
        pause_s = PAUSE_FIRST_S
        while not self._stopping.is_set():
            registration = self._try_to_open()
            if registration is not None:
                lasted_s = self._follow(registration)
                if lasted_s >= STEADY_S:
                    pause_s = PAUSE_FIRST_S
            self._tick_for(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MOST_S)

    def _try_to_open(self) -> Registration | None:
        try:
            registration = self._open()
        except PegaError as error:
            # A worker waits for its scheduler side: nothing is wrong.
            level = logging.INFO if error.code == "PEGA_NOT_FOUND" else logging.WARNING
            self._log.say(level, f"not registered, going on without the server: {error}")
            return None
        except Exception:
            logger.exception("pega: registering failed")
            return None
        self._log.say(logging.INFO, f"registered at {registration.client.address}")
        if registration.warning:
            self._log.say(logging.WARNING, registration.warning)
        return registration

    def _follow(self, registration: Registration) -> float:
        """Until it is lost; for how long."""
        begun_s = reported_s = time.monotonic()
        registration.when_lost(self._wake.set)
        self._current = registration
        while not self._stopping.is_set() and not registration.lost:
            registration.poll()
            self._tick()
            if time.monotonic() - reported_s >= REPORT_S:
                reported_s = time.monotonic()
                self._report(registration)
            self._wake.wait(TICK_S)
            self._wake.clear()
        registration.lose("this side stops")
        self._current = None
        level = logging.INFO if self._stopping.is_set() else logging.WARNING
        self._log.say(level, f"the server was lost: {registration.lost_because}")
        _guarded(lambda: self._on_lost(registration))
        return time.monotonic() - begun_s

    def _tick_for(self, pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        while not self._stopping.is_set() and (left_s := until_s - time.monotonic()) > 0:
            self._tick()
            self._stopping.wait(min(TICK_S, left_s))

    def _tick(self) -> None:
        _guarded(lambda: self._on_tick(self.current))

    def _report(self, registration: Registration) -> None:
        if registration.takes_report():
            _guarded(lambda: registration.report(self._make_report()))


class _ChangeLog:
    """One line for each change, and again only after a while."""

    def __init__(self) -> None:
        self._said_s: dict[str, float] = {}

    def say(self, level: int, text: str) -> None:
        now_s = time.monotonic()
        self._said_s = {
            said: said_s for said, said_s in self._said_s.items() if now_s - said_s < REPEAT_LOG_S
        }
        if text not in self._said_s:
            self._said_s[text] = now_s
            logger.log(level, "pega: %s", text)


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        logger.exception("pega: a callback of the server link failed")

"""Waiting for what another process or thread does, with a bound that only a failure reaches."""

from __future__ import annotations

import time
from collections.abc import Callable

WITHIN_S = 20.0


def until(condition: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.005)

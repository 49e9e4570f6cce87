"""The breaker, with a clock of the test."""

from __future__ import annotations

from pegaflow.client.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, pause_s=1.0, clock=clock)
    for _ in range(3):
        assert breaker.admit()
        breaker.failed()
    return breaker


def state_of(breaker: Breaker) -> str:
    return breaker.state


def test_failures_in_a_row_open_it() -> None:
    breaker = Breaker(failures=3, pause_s=1.0, clock=Clock())
    for failed in (True, True, False, True, True):
        assert breaker.admit()
        breaker.failed() if failed else breaker.succeeded()
    assert state_of(breaker) == "closed"
    breaker.failed()
    assert state_of(breaker) == "open"
    assert not breaker.allows()
    assert not breaker.admit()


def test_one_probe_goes_after_the_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 0.99
    assert not breaker.admit()
    clock.now_s += 0.01
    assert breaker.allows()
    assert breaker.allows(), "looking admits nothing"
    assert state_of(breaker) == "open"
    assert breaker.admit()
    assert state_of(breaker) == "half-open"
    assert not breaker.allows()
    assert not breaker.admit()


def test_a_probe_that_succeeds_closes_it() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 1
    assert breaker.admit()
    breaker.succeeded()
    assert state_of(breaker) == "closed"
    breaker.failed()
    breaker.failed()
    assert state_of(breaker) == "closed", "the count begins anew"


def test_a_probe_that_fails_opens_it_for_another_pause() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 1
    assert breaker.admit()
    clock.now_s += 0.5
    breaker.failed()
    assert state_of(breaker) == "open"
    clock.now_s += 0.99
    assert not breaker.admit()
    clock.now_s += 0.01
    assert breaker.admit()


def test_a_probe_whose_end_nobody_tells_is_followed_by_another() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s += 1
    assert breaker.admit()
    clock.now_s += 1
    assert breaker.admit()

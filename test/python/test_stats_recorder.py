"""StatsRecorder: what is counted is taken once, by whichever thread."""

from __future__ import annotations

import threading

import pytest

from pegaflow.stats_recorder import CAUSES_AT_MOST, COUNTERS, StatsRecorder


def test_what_is_taken_is_gone() -> None:
    recorder = StatsRecorder()
    recorder.add("queries")
    recorder.add("queries")
    recorder.add("loaded_bytes", 4096)
    recorder.fail("timeout")
    assert recorder.take() == {"queries": 2, "loaded_bytes": 4096, "failures": {"timeout": 1}}
    assert recorder.take() == {}


def test_what_was_taken_does_not_change_any_more() -> None:
    recorder = StatsRecorder()
    recorder.fail("timeout")
    taken = recorder.take()
    recorder.fail("timeout")
    assert taken == {"failures": {"timeout": 1}}


def test_a_gauge_is_told_when_it_changes() -> None:
    recorder = StatsRecorder()
    recorder.breaker("closed")
    assert recorder.take() == {"breaker_state": 0}
    recorder.breaker("closed")
    assert recorder.take() == {}
    recorder.breaker("half-open")
    recorder.breaker("open")
    recorder.set("connected", 1)
    assert recorder.take() == {"breaker_state": 2, "connected": 1}


def test_names_are_checked() -> None:
    recorder = StatsRecorder()
    with pytest.raises(ValueError, match="'querys' is no counter"):
        recorder.add("querys")
    with pytest.raises(ValueError, match="'queries' is no gauge"):
        recorder.set("queries", 1)


def test_causes_are_bounded() -> None:
    recorder = StatsRecorder()
    for number in range(CAUSES_AT_MOST + 10):
        recorder.fail(f"cause {number}")
    recorder.fail("cause 0")
    failures = recorder.take()["failures"]
    assert isinstance(failures, dict)
    assert len(failures) == CAUSES_AT_MOST + 1
    assert failures["other"] == 10
    assert failures["cause 0"] == 2


def test_threads_lose_nothing() -> None:
    recorder = StatsRecorder()
    sums = dict.fromkeys(COUNTERS, 0.0)

    def count() -> None:
        for _ in range(2000):
            for name in COUNTERS:
                recorder.add(name)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for name, value in recorder.take().items():
            assert isinstance(value, (int, float))
            sums[name] += value
    for name, value in recorder.take().items():
        assert isinstance(value, (int, float))
        sums[name] += value
    assert set(sums.values()) == {8000}

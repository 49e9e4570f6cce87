"""Work of the calls thread: in order, later, and after its end."""

from __future__ import annotations

import threading
from queue import Queue

from pegaflow.client.calls_thread import CallsThread
from support.waiting import until


def thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_work_runs_in_order_on_one_thread_that_starts_with_it() -> None:
    calls = CallsThread("calls of the test")
    assert "calls of the test" not in thread_names()
    seen: Queue[tuple[int, str]] = Queue()
    for number in range(100):
        calls.post(lambda n=number: seen.put((n, threading.current_thread().name)))  # type: ignore[misc]
    assert [seen.get(timeout=10) for _ in range(100)] == [
        (number, "calls of the test") for number in range(100)
    ]
    calls.close()
    until(lambda: "calls of the test" not in thread_names(), "the thread ends")


def test_later_work_waits_and_can_be_hurried() -> None:
    calls = CallsThread()
    seen: Queue[str] = Queue()
    calls.post(lambda: seen.put("in an hour"), after_s=3600)
    calls.post(lambda: seen.put("soon"), after_s=0.01)
    assert seen.get(timeout=10) == "soon"
    assert seen.empty()
    calls.hurry()
    assert seen.get(timeout=10) == "in an hour"
    calls.close()


def test_work_that_raises_does_not_end_the_thread() -> None:
    calls = CallsThread()
    seen: Queue[str] = Queue()
    calls.post(lambda: seen.put(str(1 // 0)))
    calls.post(lambda: seen.put("next"))
    assert seen.get(timeout=10) == "next"
    calls.close()


def test_after_the_end_work_still_runs_at_once() -> None:
    calls = CallsThread("ended")
    seen: Queue[str] = Queue()
    calls.post(lambda: seen.put("waiting"), after_s=3600)
    calls.close()
    assert seen.get(timeout=10) == "waiting"
    until(lambda: "ended" not in thread_names(), "the thread ends")
    calls.post(lambda: seen.put("late"), after_s=3600)
    assert seen.get(timeout=10) == "late"
    until(lambda: "ended" not in thread_names(), "the thread ends again")

"""Ids rise, and the watermark follows the lowest one that may still be sent."""

from __future__ import annotations

from pegaflow.client import open_ids
from pegaflow.client.open_ids import OpenIds, ids_of_engine


def test_the_watermark_is_the_lowest_open_id() -> None:
    ids = OpenIds()
    assert ids.watermark == 1
    assert [ids.take() for _ in range(3)] == [1, 2, 3]
    ids.forget(2)
    assert ids.watermark == 1
    ids.forget(1)
    assert ids.watermark == 3
    ids.forget(3)
    assert ids.watermark == 4
    ids.forget(3)
    assert ids.open == ()


def test_an_id_stays_open_until_all_that_ends_it_is_answered() -> None:
    ids = OpenIds()
    taken = ids.take()
    assert ids.begin_ending(taken)
    assert ids.begin_ending(taken)
    ids.forget(taken)
    ids.end_ending(taken, answered=True)
    assert (ids.open, ids.endings) == ((taken,), 1)
    ids.end_ending(taken, answered=True)
    assert (ids.open, ids.endings) == ((), 0)
    assert not ids.begin_ending(taken), "it has ended"


def test_what_was_given_up_stays_open_for_the_successor() -> None:
    ids = OpenIds()
    given_up, answered, waiting = ids.take(), ids.take(), ids.take()
    for taken in (given_up, answered):
        ids.begin_ending(taken)
        ids.forget(taken)
        ids.end_ending(taken, answered=taken == answered)
    after = ids.successor()
    assert after.open == (given_up, waiting)
    assert after.endings == 0
    assert after.take() == 4


def test_the_ids_of_an_engine_go_on() -> None:
    engine, other = b"an engine of 16 b", b"another engine"
    assert ids_of_engine(engine).take() == 1
    assert ids_of_engine(other).take() == 1
    assert ids_of_engine(engine).take() == 2
    for number in range(open_ids.ENGINES_KEPT):
        ids_of_engine(b"newer %d" % number)
    assert ids_of_engine(engine).take() == 1

"""scheduler/reserved_blocks.py: what an answer of Reserve means, block by block."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pegaflow.client.records import ReserveAnswer
from pegaflow.scheduler.reserved_blocks import Wish, pack_indices, read_answer

GRANTED, SEALED, IN_FLIGHT, FULL = range(4)


def wish(first: int, end: int, rank_count: int) -> Wish:
    connection: Any = SimpleNamespace(rank_count=rank_count)
    return Wish(SimpleNamespace(), connection, first, end)  # type: ignore[arg-type]


def test_granted_blocks_have_their_place_slots_and_generations() -> None:
    reserved = bytes(range(96))  # three blocks of two ranks
    answer = ReserveAnswer(5, bytes([GRANTED, SEALED, GRANTED]), reserved)
    granted = read_answer(wish(10, 13, 2), [b"a", b"b", b"c"], answer)
    first, second = granted.blocks
    assert [(block.block, block.index, block.block_hash) for block in granted.blocks] == [
        (10, 0, b"a"),
        (12, 2, b"c"),
    ]
    assert first.slots == reserved[0:8] + reserved[16:24]
    assert first.generations == reserved[8:16] + reserved[24:32]
    assert second.slots == reserved[64:72] + reserved[80:88]
    assert first.reservation is second.reservation
    assert first.reservation.open_blocks == 2
    assert pack_indices(granted.blocks) == b"\0\0\0\0\2\0\0\0"


def test_blocks_in_flight_are_told_in_runs_and_full_ones_counted() -> None:
    outcomes = bytes([IN_FLIGHT, IN_FLIGHT, SEALED, FULL, IN_FLIGHT])
    answer = ReserveAnswer(5, outcomes, bytes(5 * 16))
    granted = read_answer(wish(3, 8, 1), [b"x"] * 5, answer)
    assert granted.blocks == []
    assert granted.in_flight == [(3, 5), (7, 8)]
    assert granted.full == 1


@pytest.mark.parametrize(
    ("outcomes", "reserved"), [(b"\0", b"\0" * 32), (b"\0\0", b"\0" * 16), (b"", b"")]
)
def test_an_answer_of_another_size_is_refused(outcomes: bytes, reserved: bytes) -> None:
    with pytest.raises(ValueError, match="Reserve of 2 blocks of 1 ranks"):
        read_answer(wish(0, 2, 1), [b"a", b"b"], ReserveAnswer(1, outcomes, reserved))

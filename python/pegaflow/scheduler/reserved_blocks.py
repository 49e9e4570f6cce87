"""What Reserve was asked and what it granted, block by block. No calls: stores.py makes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pegaflow.client.records import ReserveAnswer
from pegaflow.scheduler.connection import Connection
from pegaflow.scheduler.request_record import RequestRecord
from pegaflow.wire.steps import SLOT_BYTES_ON_WIRE

_RESERVED_BYTES_ON_WIRE = 16
_GRANTED, _SEALED, _IN_FLIGHT, _FULL = range(4)


@dataclass(frozen=True, slots=True)
class Wish:
    """Blocks [first, end) of a request's chain."""

    record: RequestRecord
    connection: Connection
    first: int
    end: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Retry:
    """Blocks that another engine is writing: asked for again, lest its failure leave a hole."""

    due: float
    first: int
    end: int
    attempt: int


@dataclass(eq=False, slots=True)
class Reservation:
    connection: Connection
    reservation_id: int
    open_blocks: int
    """Neither sealed nor abandoned yet."""


@dataclass(eq=False, slots=True)
class ReservedBlock:
    reservation: Reservation
    record: RequestRecord
    block: int
    """Its position in the request's chain."""
    block_hash: bytes
    index: int
    """Its position in the reservation."""
    slots: bytes
    """Of all ranks."""
    generations: bytes
    """Of all ranks, 8 bytes each."""


@dataclass(frozen=True, slots=True)
class Granted:
    blocks: list[ReservedBlock]
    in_flight: list[tuple[int, int]]
    """Runs [first, end) of blocks that others are writing."""
    full: int


def read_answer(wish: Wish, hashes: Sequence[bytes], answer: ReserveAnswer) -> Granted:
    """hashes: as they were sent. Raises ValueError for an answer of the wrong size."""
    count = wish.end - wish.first
    rank_count = wish.connection.rank_count
    if (
        len(answer.outcomes) != count
        or len(answer.reserved) != count * rank_count * _RESERVED_BYTES_ON_WIRE
    ):
        raise ValueError(
            f"Reserve of {count} blocks of {rank_count} ranks answered {len(answer.outcomes)} "
            f"outcomes and {len(answer.reserved)} bytes of slots"
        )
    reservation = Reservation(
        wish.connection, answer.reservation_id, answer.outcomes.count(_GRANTED)
    )
    blocks = [
        ReservedBlock(
            reservation,
            wish.record,
            wish.first + index,
            hashes[index],
            index,
            *_slots_and_generations(answer.reserved, index, rank_count),
        )
        for index, outcome in enumerate(answer.outcomes)
        if outcome == _GRANTED
    ]
    runs = [(wish.first + a, wish.first + b) for a, b in _runs(answer.outcomes, _IN_FLIGHT)]
    return Granted(blocks, runs, answer.outcomes.count(_FULL))


def pack_indices(blocks: Sequence[ReservedBlock]) -> bytes:
    return struct.pack(f"<{len(blocks)}I", *(block.index for block in blocks))


def _slots_and_generations(reserved: bytes, index: int, rank_count: int) -> tuple[bytes, bytes]:
    begin = index * rank_count * _RESERVED_BYTES_ON_WIRE
    ranks = [begin + rank * _RESERVED_BYTES_ON_WIRE for rank in range(rank_count)]
    middle, end = SLOT_BYTES_ON_WIRE, _RESERVED_BYTES_ON_WIRE
    slots = b"".join(reserved[at : at + middle] for at in ranks)
    generations = b"".join(reserved[at + middle : at + end] for at in ranks)
    return slots, generations


def _runs(outcomes: bytes, wanted: int) -> Iterator[tuple[int, int]]:
    first: int | None = None
    for index, outcome in enumerate(outcomes):
        if outcome == wanted:
            first = index if first is None else first
        elif first is not None:
            yield first, index
            first = None
    if first is not None:
        yield first, len(outcomes)

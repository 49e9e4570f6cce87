"""Plain records of the wire: what this process tells of itself, and what the path answers.

proto/pega/v1/pega.proto says what each field means and how packed bytes are packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pegaflow.native.transfer import Segment


@dataclass(frozen=True, slots=True)
class Identity:
    """What keeps two engines' blocks apart."""

    fields: Mapping[str, str]
    block_tokens: int
    hash_bytes: int
    rank_count: int
    rank_slot_bytes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A worker's memory, in bytes; addresses stay in the worker."""

    allocation_bytes: tuple[int, ...]
    segments: tuple[Segment, ...]
    """In layer order."""
    block_count: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was decided not to be done, and why."""

    request_id: str
    kind: str
    """For example "load_failed", "load_skipped", "breaker_open"."""
    cause: str
    time_seconds: float
    """Since the epoch."""


@dataclass(frozen=True, slots=True)
class SessionReport:
    """Totals since this process's start, so that a lost report loses nothing."""

    load_bytes: int = 0
    store_bytes: int = 0
    load_jobs: int = 0
    store_jobs: int = 0
    failed_jobs: int = 0
    load_seconds: float = 0.0
    store_seconds: float = 0.0
    transfers_running: int = 0
    slabs_ready: int = 0
    decisions: tuple[Decision, ...] = field(default=())
    """New ones since the last report."""
    decisions_dropped: int = 0


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    lease_id: int
    hit_blocks: int
    """Leased, from the local hit on. 0: no lease is open."""
    sealed_before: bytes
    """A byte for each block of the local hit: 1 when the pool has it."""
    slots: bytes
    """Of the leased blocks: blocks × ranks × 8."""


@dataclass(frozen=True, slots=True)
class ReserveAnswer:
    reservation_id: int
    outcomes: bytes
    """A byte for each block: 0 slot granted, 1 sealed, 2 in flight by another, 3 full."""
    reserved: bytes
    """Blocks × ranks × 16: slot, then its generation; zeroes where nothing is granted."""


@dataclass(frozen=True, slots=True)
class Registered:
    """Where the pool is, and what proves who asks."""

    boot_number: int
    pool_id: bytes
    folder: str
    slab_folder: str
    slab_bytes: int
    ordinal_capacity: int
    nonce: bytes
    token: bytes
    namespace_digest: bytes
    warning: str

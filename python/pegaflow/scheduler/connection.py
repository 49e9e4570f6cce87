"""The scheduler side's connection to the server for one boot: its calls, and the slots it holds.

Made from a Registration when the link has a new one; it stays until its last use has ended, also
after the registration is lost, because a copy that was granted runs on (docs/protocol.md §3).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from pegaflow.client.breaker import Breaker
from pegaflow.client.path_calls import PathCalls
from pegaflow.client.registration import Registration
from pegaflow.errors import PegaError
from pegaflow.wire.steps import SLOT_BYTES_ON_WIRE, slots_of_rank


class Connection:
    def __init__(
        self, registration: Registration, breaker: Breaker, rank_slot_bytes: Sequence[int]
    ) -> None:
        self.registration = registration
        self.calls = PathCalls(registration, breaker)
        self.boot_number = registration.boot_number
        self._rank_slot_bytes = tuple(rank_slot_bytes)
        self._uses = 0

    @property
    def lost(self) -> bool:
        """Nothing new is granted, nothing can be given back: what runs may end."""
        return self.registration.lost

    @property
    def rank_count(self) -> int:
        return len(self._rank_slot_bytes)

    @property
    def block_bytes(self) -> int:
        """Of one block, all ranks."""
        return sum(self._rank_slot_bytes)

    def hold(self, slots: bytes) -> bool:
        """Marks slots (blocks × ranks × 8 bytes) as in use. False: the grant is void, a miss."""
        held: list[tuple[bytes, int]] = []
        try:
            for part, slot_bytes in self._parts(slots):
                self.registration.memory.hold(part, slot_bytes)
                held.append((part, slot_bytes))
        except PegaError as error:
            for part, slot_bytes in held:
                self.registration.memory.drop(part, slot_bytes)
            self.registration.lose(str(error))
            return False
        self._uses += 1
        return True

    def drop(self, slots: bytes) -> None:
        """Ends what hold(slots) began; also after the loss, so that workers see the end."""
        for part, slot_bytes in self._parts(slots):
            self.registration.memory.drop(part, slot_bytes)
        self._uses -= 1

    def ranks_reach(self, slots: bytes) -> bool:
        """Every rank can load these at once and for certain (docs/protocol.md §3)."""
        slabs_ready, sync = self.registration.memory.ranks_ready()
        if not sync:
            return False
        ordinals = array("I", slots)[::2]
        return max(ordinals, default=0) < slabs_ready

    @property
    def used(self) -> bool:
        """Slots of it are held: a copy runs, or is about to."""
        return self._uses > 0

    def close(self) -> None:
        self.calls.close()
        self.registration.close()

    def _parts(self, slots: bytes) -> list[tuple[bytes, int]]:
        """Slots with the bytes of each: ranks of pipeline stages may differ in layers."""
        if len(set(self._rank_slot_bytes)) == 1:
            return [(slots, self._rank_slot_bytes[0])]
        assert len(slots) % (self.rank_count * SLOT_BYTES_ON_WIRE) == 0
        return [
            (slots_of_rank(slots, rank, self.rank_count), slot_bytes)
            for rank, slot_bytes in enumerate(self._rank_slot_bytes)
        ]

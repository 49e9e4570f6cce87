"""EngineMemory: this process's place in the pool, for one boot of the server.

Opened with what Register answered. While it is open, the server believes that the process lives.
Only the scheduler's process (record 0) holds and drops slots; workers are record 1 + rank. Any
thread may call anything; after close() every call but close() raises PEGA_CANCELLED.
"""

from __future__ import annotations

import ctypes
import os

from pegaflow.errors import PegaError
from pegaflow.native.handle import Handle
from pegaflow.native.library import Library
from pegaflow.native.structs import ID_BYTES, MemoryOptions, sized

SLOT_BYTES = 8
"""Of one slot's address: u32 slab ordinal, u32 page."""


class EngineMemory:
    def __init__(self, library: Library, pointer: int) -> None:
        """Use EngineMemory.open."""
        self.library = library
        self.handle = Handle(pointer, "this engine memory")

    @classmethod
    def open(
        cls,
        library: Library,
        *,
        folder: str,
        slab_folder: str,
        pool_id: bytes,
        engine_id: bytes,
        nonce: bytes,
        record: int,
        rank_count: int,
        slab_bytes: int,
        ordinal_capacity: int,
        boot_number: int,
    ) -> EngineMemory:
        """PEGA_STALE_BOOT, PEGA_NOT_SAME_HOST, PEGA_ALREADY_EXISTS, PEGA_LAYOUT_VERSION, …"""
        options = sized(MemoryOptions)
        options.record = record
        options.rank_count = rank_count
        options.ordinal_capacity = ordinal_capacity
        options.slab_bytes = slab_bytes
        options.boot_number = boot_number
        options.folder_path = os.fsencode(folder)
        options.slab_path = os.fsencode(slab_folder)
        for name, value in (("pool_id", pool_id), ("engine_id", engine_id), ("nonce", nonce)):
            if len(value) != ID_BYTES:
                raise PegaError(
                    "PEGA_INVALID_ARGUMENT", f"{name} has {len(value)} bytes, not {ID_BYTES}"
                )
            getattr(options, name)[:] = value
        pointer = ctypes.c_void_p()
        library.check(library.slow.pega_memory_open(ctypes.byref(options), ctypes.byref(pointer)))
        assert pointer.value is not None
        return cls(library, pointer.value)

    def boot_number(self) -> int:
        """The server's now, from the pool's header; 0: the header was removed."""
        boot = ctypes.c_uint64()
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_boot_number(memory, ctypes.byref(boot))
            )
        return boot.value

    def hold(self, slots: bytes, slot_bytes: int) -> None:
        """One use more of each slot. PEGA_STALE_BOOT: none is taken, the slots are a miss."""
        count = _slot_count(slots)
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_hold(memory, slots, count, slot_bytes)
            )

    def drop(self, slots: bytes, slot_bytes: int) -> None:
        """One use less of each slot."""
        count = _slot_count(slots)
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_drop(memory, slots, count, slot_bytes)
            )

    def held_pages(self) -> int:
        """Pages of 4096 bytes that this process holds."""
        pages = ctypes.c_uint64()
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_held_pages(memory, ctypes.byref(pages))
            )
        return pages.value

    def open_slabs(self) -> int:
        """Opens every slab that is published; how many can be reached. Not for a timed path."""
        reached = ctypes.c_uint32()
        with self.handle as memory:
            self.library.check(
                self.library.slow.pega_memory_open_slabs(memory, ctypes.byref(reached))
            )
        return reached.value

    def report_ready(self, slabs: int, sync_loads: bool) -> None:
        """Tells the engine's other processes what this rank can do."""
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_report_ready(memory, slabs, int(sync_loads))
            )

    def ranks_ready(self) -> tuple[int, bool]:
        """The fewest slabs that a rank can reach, and whether all ranks can load synchronously."""
        slabs = ctypes.c_uint64()
        sync = ctypes.c_int()
        with self.handle as memory:
            self.library.check(
                self.library.quick.pega_memory_ranks_ready(
                    memory, ctypes.byref(slabs), ctypes.byref(sync)
                )
            )
        return slabs.value, sync.value != 0

    def engine_idle(self) -> bool:
        """No slot of this engine is held, whichever process asks. Reads the hold file's bits."""
        idle = ctypes.c_int()
        with self.handle as memory:
            self.library.check(
                self.library.slow.pega_memory_engine_idle(memory, ctypes.byref(idle))
            )
        return idle.value != 0

    @property
    def closed(self) -> bool:
        return self.handle.closed

    def close(self) -> None:
        """Gives up slabs, header and, last, the proof of life. Transfers must be closed before:
        PEGA_INVALID_ARGUMENT, and nothing is closed."""
        self.handle.close(
            lambda memory: self.library.check(self.library.slow.pega_memory_close(memory))
        )


def _slot_count(slots: bytes) -> int:
    if len(slots) % SLOT_BYTES != 0:
        raise PegaError(
            "PEGA_INVALID_ARGUMENT", f"{len(slots)} bytes are no list of slots of {SLOT_BYTES} each"
        )
    return len(slots) // SLOT_BYTES

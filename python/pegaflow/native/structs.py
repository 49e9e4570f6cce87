"""The structs of native/c/pega.h, field by field. Only this package uses them."""

from __future__ import annotations

import ctypes
from typing import TypeVar

ID_BYTES = 16


class MemoryOptions(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("record", ctypes.c_uint32),
        ("rank_count", ctypes.c_uint32),
        ("ordinal_capacity", ctypes.c_uint32),
        ("slab_bytes", ctypes.c_uint64),
        ("boot_number", ctypes.c_uint64),
        ("folder_path", ctypes.c_char_p),
        ("slab_path", ctypes.c_char_p),
        ("pool_id", ctypes.c_uint8 * ID_BYTES),
        ("engine_id", ctypes.c_uint8 * ID_BYTES),
        ("nonce", ctypes.c_uint8 * ID_BYTES),
    ]


class AllocationStruct(ctypes.Structure):
    _fields_ = [("address", ctypes.c_uint64), ("bytes", ctypes.c_uint64)]


class SegmentStruct(ctypes.Structure):
    _fields_ = [
        ("layer", ctypes.c_uint32),
        ("allocation", ctypes.c_uint32),
        ("offset_bytes", ctypes.c_uint64),
        ("block_stride_bytes", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
    ]


class TransferOptions(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("thread_count", ctypes.c_uint32),
        ("allocations", ctypes.POINTER(AllocationStruct)),
        ("allocation_count", ctypes.c_uint64),
        ("segments", ctypes.POINTER(SegmentStruct)),
        ("segment_count", ctypes.c_uint64),
        ("block_count", ctypes.c_uint64),
        ("device", ctypes.c_uint32),
        ("device_ordinal", ctypes.c_int32),
        ("staging_bytes", ctypes.c_uint64),
        ("kernel_ctas", ctypes.c_uint32),
        ("uncalibrated", ctypes.c_uint32),
    ]


class JobStruct(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("device_blocks", ctypes.c_void_p),
        ("slots", ctypes.c_char_p),
        ("block_count", ctypes.c_uint64),
        ("group_ends", ctypes.c_void_p),
        ("group_count", ctypes.c_uint64),
        ("after_stream", ctypes.POINTER(ctypes.c_uint64)),
    ]


class JobReportStruct(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("done", ctypes.c_uint32),
        ("groups_done", ctypes.c_uint32),
        ("code", ctypes.c_int32),
    ]


class TransferStatsStruct(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("jobs_now", ctypes.c_uint32),
        ("load_bytes_total", ctypes.c_uint64),
        ("store_bytes_total", ctypes.c_uint64),
        ("load_jobs_total", ctypes.c_uint64),
        ("store_jobs_total", ctypes.c_uint64),
        ("failed_jobs_total", ctypes.c_uint64),
        ("load_busy_ns_total", ctypes.c_uint64),
        ("store_busy_ns_total", ctypes.c_uint64),
        ("driver_calls_total", ctypes.c_uint64),
        ("submit_ns_total", ctypes.c_uint64),
        ("staged_bytes_total", ctypes.c_uint64),
        ("direct_bytes_total", ctypes.c_uint64),
        ("staging_bytes", ctypes.c_uint64),
        ("device_bytes", ctypes.c_uint64),
        ("registered_bytes", ctypes.c_uint64),
        ("registering_ns_total", ctypes.c_uint64),
        ("slabs_registered", ctypes.c_uint32),
        ("slab_code", ctypes.c_int32),
    ]


AnyStruct = TypeVar("AnyStruct", bound=ctypes.Structure)


def sized(struct: type[AnyStruct]) -> AnyStruct:
    """One of these with `struct_bytes` set, the rest 0."""
    made = struct()
    made.struct_bytes = ctypes.sizeof(struct)
    return made

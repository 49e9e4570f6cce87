"""The calls of native/c/pega.h and their types, apart by how long they may take.

QUICK calls keep the interpreter's lock (PyDLL): giving it up and getting it back beside a busy
Python thread costs milliseconds (docs/protocol.md §5). SLOW calls give it up (CDLL). A call is
declared for one of the two handles and can't be reached through the other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from pegaflow.native.structs import (
    JobReportStruct,
    JobStruct,
    MemoryOptions,
    TransferOptions,
    TransferStatsStruct,
)

_HANDLE = ctypes.c_void_p
_HANDLE_RESULT = ctypes.POINTER(ctypes.c_void_p)
_U32 = ctypes.c_uint32
_U64 = ctypes.c_uint64
_INT = ctypes.c_int
_SLOTS = ctypes.c_char_p
_U32_RESULT = ctypes.POINTER(_U32)
_U64_RESULT = ctypes.POINTER(_U64)
_INT_RESULT = ctypes.POINTER(_INT)

QUICK_CALLS: Mapping[str, Sequence[Any]] = {
    "pega_memory_boot_number": (_HANDLE, _U64_RESULT),
    "pega_memory_hold": (_HANDLE, _SLOTS, _U64, _U64),
    "pega_memory_drop": (_HANDLE, _SLOTS, _U64, _U64),
    "pega_memory_held_pages": (_HANDLE, _U64_RESULT),
    "pega_memory_report_ready": (_HANDLE, _U64, _INT),
    "pega_memory_ranks_ready": (_HANDLE, _U64_RESULT, _INT_RESULT),
    "pega_transfer_shape": (_HANDLE, _U64_RESULT, _U32_RESULT),
    "pega_transfer_slabs_ready": (_HANDLE, _U32_RESULT),
    "pega_transfer_sync_possible": (_HANDLE, _INT_RESULT),
    "pega_transfer_stream_wait": (_HANDLE, _U64, _U32, _U64),
    "pega_transfer_poll": (_HANDLE, _U64, ctypes.POINTER(JobReportStruct)),
    "pega_transfer_forget": (_HANDLE, _U64),
    "pega_transfer_get_stats": (_HANDLE, ctypes.POINTER(TransferStatsStruct)),
}

SLOW_CALLS: Mapping[str, Sequence[Any]] = {
    "pega_memory_open": (ctypes.POINTER(MemoryOptions), _HANDLE_RESULT),
    "pega_memory_open_slabs": (_HANDLE, _U32_RESULT),
    "pega_memory_engine_idle": (_HANDLE, _INT_RESULT),
    "pega_memory_close": (_HANDLE,),
    "pega_transfer_create": (_HANDLE, ctypes.POINTER(TransferOptions), _HANDLE_RESULT),
    "pega_transfer_submit": (_HANDLE, ctypes.POINTER(JobStruct), _U64_RESULT),
    "pega_transfer_wait": (_HANDLE, _U64, _U32, _U32),
    "pega_transfer_fit_groups": (
        _HANDLE,
        ctypes.c_void_p,
        _SLOTS,
        _U64,
        _U32,
        _U64,
        ctypes.c_void_p,
        _U64_RESULT,
    ),
    "pega_transfer_close": (_HANDLE,),
}


def declare(handle: ctypes.CDLL, calls: Mapping[str, Sequence[Any]]) -> SimpleNamespace:
    """The calls as attributes. AttributeError: the library lacks one."""
    declared: dict[str, Callable[..., int]] = {}
    for name, argument_types in calls.items():
        call = getattr(handle, name)
        call.argtypes = list(argument_types)
        call.restype = ctypes.c_int
        declared[name] = call
    return SimpleNamespace(**declared)

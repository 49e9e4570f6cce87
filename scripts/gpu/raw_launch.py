"""RawLaunch: an empty kernel, launched with nothing but the driver's call between two clock reads."""

from __future__ import annotations

import ctypes
import time

_PTX = b""".version 7.0
.target sm_70
.address_size 64
.visible .entry pega_nothing() { ret; }
"""


class RawLaunch:
    def __init__(self, stream: int) -> None:
        """In the context that is current on this thread: torch's, once torch has computed."""
        cuda = ctypes.PyDLL("libcuda.so.1")
        module, self._function = ctypes.c_void_p(), ctypes.c_void_p()
        _check(cuda.cuModuleLoadData(ctypes.byref(module), _PTX))
        _check(cuda.cuModuleGetFunction(ctypes.byref(self._function), module, b"pega_nothing"))
        self._stream = ctypes.c_void_p(stream)
        self._launch = cuda.cuLaunchKernel

    def microseconds(self) -> float:
        """Of one launch, until the call returns."""
        begun = time.perf_counter_ns()
        result = self._launch(self._function, 1, 1, 1, 32, 1, 1, 0, self._stream, None, None)
        ended = time.perf_counter_ns()
        _check(result)
        return (ended - begun) / 1e3


def _check(result: int) -> None:
    assert result == 0, f"CUDA error {result}"

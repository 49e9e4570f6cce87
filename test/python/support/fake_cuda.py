"""FakeCuda: what the fake driver offers to tests besides CUDA's calls.

native/cuda/fake/fake_cuda.h says what each does.
"""

from __future__ import annotations

import ctypes

INVALID_VALUE = 1
OUT_OF_MEMORY = 2
ILLEGAL_ADDRESS = 700


class FakeCuda:
    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        for name in ("misuse", "open", "pending", "history"):
            getattr(library, f"fake_cuda_{name}").restype = ctypes.c_size_t

    def reset(self) -> None:
        self._library.fake_cuda_reset(None)

    def fail(self, function: str, result: int, *, n: int = 1, times: int = 1) -> None:
        """The n-th call from now; `times` 0: all from then on."""
        self._library.fake_cuda_fail(function.encode(), n, result, times)

    def hold(self, stream: int) -> None:
        self._library.fake_cuda_hold(ctypes.c_void_p(stream))

    def release(self, stream: int) -> None:
        self._library.fake_cuda_release(ctypes.c_void_p(stream))

    def hold_all(self) -> None:
        self._library.fake_cuda_hold_all()

    def release_all(self) -> None:
        self._library.fake_cuda_release_all()

    def misuse(self) -> list[str]:
        return self._lines("misuse")

    def open(self) -> list[str]:
        """Handles and memory that were not given back."""
        return self._lines("open")

    def pending(self) -> list[str]:
        return self._lines("pending")

    def _lines(self, what: str) -> list[str]:
        text = ctypes.create_string_buffer(1 << 16)
        getattr(self._library, f"fake_cuda_{what}")(text, ctypes.c_size_t(len(text)))
        return text.value.decode().splitlines()

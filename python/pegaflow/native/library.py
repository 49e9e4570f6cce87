"""Library: libpega.so, found and checked once a process.

Where it lies: an explicit path; PEGA_LIBRARY; the package's own `lib` folder; in a source checkout
the release build. A library that can't be used is a PegaError that says which paths were tried.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from pegaflow.errors import PegaError
from pegaflow.native.calls import QUICK_CALLS, SLOW_CALLS, declare

ABI_VERSION = 1
OK = 0
TIMEOUT = 15

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT_BUILD = _PACKAGE.parent.parent / "build" / "release" / "libpega.so"
_USE_OURS = "Use the libpega.so that came with this package."


class Library:
    """Two handles on one file: `quick` keeps the interpreter's lock, `slow` gives it up."""

    def __init__(self, path: str) -> None:
        """Use Library.load."""
        self.path = path
        keeps_lock = ctypes.PyDLL(path)
        for name in ("pega_abi_version", "pega_shared_layout_version"):
            getattr(keeps_lock, name).restype = ctypes.c_uint32
        self._code_name = keeps_lock.pega_code_name
        self._code_name.argtypes = [ctypes.c_int]
        self._code_name.restype = ctypes.c_char_p
        self._last_message = keeps_lock.pega_last_message
        self._last_message.restype = ctypes.c_char_p
        found = int(keeps_lock.pega_abi_version())
        if found != ABI_VERSION:
            raise PegaError(
                "PEGA_UNSUPPORTED",
                f"{path} has ABI version {found}; this package needs {ABI_VERSION}",
                _USE_OURS,
            )
        self.shared_layout_version = int(keeps_lock.pega_shared_layout_version())
        self.quick = declare(keeps_lock, QUICK_CALLS)
        self.slow = declare(ctypes.CDLL(path), SLOW_CALLS)

    @classmethod
    def load(cls, path: str | None = None) -> Library:
        candidates = _candidates(path)
        for candidate in candidates:
            if not candidate.is_file():
                continue
            try:
                return cls(str(candidate))
            except (OSError, AttributeError) as error:
                raise PegaError(
                    "PEGA_UNSUPPORTED",
                    f"{candidate} can't be loaded: {error}",
                    _USE_OURS,
                ) from error
        tried = ", ".join(str(candidate) for candidate in candidates)
        raise PegaError(
            "PEGA_NOT_FOUND",
            f"there is no libpega.so; tried {tried}",
            "Run `pega connector install`, or set PEGA_LIBRARY to its path.",
        )

    def check(self, code: int) -> None:
        """Raises what a call of this thread just failed with."""
        if code != OK:
            raise self.failure(code)

    def failure(self, code: int) -> PegaError:
        """The failure with the message of this thread's last call."""
        name: bytes = self._code_name(code)
        message: bytes = self._last_message()
        return PegaError(name.decode(), message.decode(errors="replace"))


def _candidates(path: str | None) -> list[Path]:
    # A path that somebody named is the only one: another library in its place would be a surprise.
    named = path or os.environ.get("PEGA_LIBRARY")
    if named:
        return [Path(named)]
    return [_PACKAGE / "lib" / "libpega.so", _CHECKOUT_BUILD]

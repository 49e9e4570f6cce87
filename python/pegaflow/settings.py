"""What the operator set in kv_connector_extra_config, checked once and never changed.

Every process of an engine makes the same Settings out of the same mapping. An unknown key or a
value that can't be meant is refused by name: a typing error must not turn into a default.
python/README.md says what each key is for.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from pegaflow.errors import PegaError

_HOST_PORT = re.compile(r"^(?:\[[0-9a-fA-F:.]+\]|[^:\[\]\s/]+):(\d{1,5})$")
_LOAD_POLICIES = ("auto", "sync", "async")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    endpoint: str
    """Of `pega serve`: "unix:///full/path" or "host:port"."""
    library: str | None = None
    """libpega.so, where it is not the one in the package."""
    load: bool = True
    store: bool = True
    load_policy: Literal["auto", "sync", "async"] = "auto"
    min_load_tokens: int | Literal["auto"] = "auto"
    """Shorter hits are computed; "auto" measures which is quicker."""
    sync_bytes_max: int = 256 * _MIB
    """Of synchronous loads in one step, of all ranks together."""
    offload_prompt_only: bool = False
    decode_batch_blocks: int = 8
    """Blocks of an answer are reserved so many at a time."""
    store_blocks_share: float = 0.02
    """Of the device's blocks, how many stores may keep from vLLM at a time."""
    transfer_threads: int = 0
    """Of the copies on the CPU; 0: as many as fit the machine."""
    query_wait_ms: float = 2.0
    query_wait_ms_per_1000: float = 1.0
    """More for each 1,000 hashes; an answer that comes later is used in a later step."""
    query_deadline_ms: float = 100.0
    reserve_deadline_ms: float = 500.0
    lease_unused_s: float = 10.0
    weights_id: str | None = None
    """The operator's word for what the weights are, instead of a digest of their files."""

    @staticmethod
    def from_extra_config(
        extra_config: Mapping[str, Any],
        kv_role: str | None,
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Raises PegaError PEGA_INVALID_ARGUMENT: the key, what was found, what is required."""
        values = dict(extra_config)
        for key in values:
            if key not in _CHECKS:
                raise _refusal(key, "is no setting", _nearest(key))
        checked = {
            key: _CHECKS[key](key, value) for key, value in values.items() if value is not None
        }
        checked.setdefault("endpoint", default_endpoint(environment))
        if kv_role == "kv_producer":
            checked["load"] = False
        elif kv_role == "kv_consumer":
            checked["store"] = False
        return Settings(**checked)


def default_endpoint(environment: Mapping[str, str]) -> str:
    """Where a client of this user finds the server, by the rules of src/config/pega-target.ts; but
    the user's own socket is taken although nothing listens there yet."""
    socket = environment.get("PEGA_SOCKET")
    if socket:
        return f"unix://{os.path.abspath(socket)}"
    address = environment.get("PEGA_ADDR")
    if address:
        return _endpoint("PEGA_ADDR", address)
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    folder = f"{runtime}/pega" if runtime.startswith("/") else f"/tmp/pega-{os.getuid()}"
    return f"unix://{os.path.normpath(folder)}/pega.sock"


def _endpoint(key: str, value: object) -> str:
    text = _text(key, value)
    path = re.sub(r"^unix:(//)?", "", text)
    if path.startswith("/"):
        return f"unix://{path}"
    match = _HOST_PORT.match(text)
    if match is None or not 0 < int(match[1]) <= 65_535:
        raise _refusal(key, f"is {text!r}", "required is unix:///full/path or HOST:PORT")
    return text


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or value == "":
        raise _refusal(key, f"is {value!r}", "required is a text that is not empty")
    return value


def _weights_id(key: str, value: object) -> str:
    text = _text(key, value)
    if len(text) > 256:
        raise _refusal(key, f"has {len(text)} characters", "required are at most 256")
    return text


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _refusal(key, f"is {value!r}", "required is true or false")
    return value


def _policy(key: str, value: object) -> str:
    if value not in _LOAD_POLICIES:
        raise _refusal(key, f"is {value!r}", f"required is one of {', '.join(_LOAD_POLICIES)}")
    return str(value)


def _min_load_tokens(key: str, value: object) -> int | str:
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _refusal(key, f"is {value!r}", 'required is "auto" or a number of tokens')
    return value


class _Whole:
    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def __call__(self, key: str, value: object) -> int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not self._least <= value <= self._most:  # type: ignore[operator]
            required = f"required is a whole number from {self._least} to {self._most}"
            raise _refusal(key, f"is {value!r}", required)
        return int(value)  # type: ignore[call-overload, no-any-return]


class _Number:
    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def __call__(self, key: str, value: object) -> float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self._least <= value <= self._most:  # type: ignore[operator]
            required = f"required is a number from {self._least:g} to {self._most:g}"
            raise _refusal(key, f"is {value!r}", required)
        return float(value)  # type: ignore[arg-type]


_CHECKS: dict[str, Any] = {
    "endpoint": _endpoint,
    "library": _text,
    "load": _flag,
    "store": _flag,
    "load_policy": _policy,
    "min_load_tokens": _min_load_tokens,
    "sync_bytes_max": _Whole(0, 1 << 40),
    "offload_prompt_only": _flag,
    "decode_batch_blocks": _Whole(1, 1024),
    "store_blocks_share": _Number(0.0, 0.5),
    "transfer_threads": _Whole(0, 64),
    "query_wait_ms": _Number(0.0, 1000.0),
    "query_wait_ms_per_1000": _Number(0.0, 1000.0),
    "query_deadline_ms": _Number(1.0, 60_000.0),
    "reserve_deadline_ms": _Number(1.0, 60_000.0),
    "lease_unused_s": _Number(0.1, 3600.0),
    "weights_id": _weights_id,
}
assert set(_CHECKS) == {field.name for field in fields(Settings)}


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, _CHECKS, n=1)
    known = ", ".join(sorted(_CHECKS))
    return f"did you mean {near[0]!r}?" if near else f"known are {known}"


def _refusal(key: str, found: str, required: str) -> PegaError:
    return PegaError(
        "PEGA_INVALID_ARGUMENT", f"kv_connector_extra_config: {key!r} {found}; {required}"
    )

"""Settings: defaults, roles, what is refused and how it is said, where the server is looked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pegaflow.errors import PegaError
from pegaflow.settings import Settings, default_endpoint

NOWHERE = {"PEGA_SOCKET": "", "PEGA_ADDR": "", "XDG_RUNTIME_DIR": ""}


def settings(extra_config: dict[str, Any], kv_role: str = "kv_both") -> Settings:
    return Settings.from_extra_config(extra_config, kv_role, {"PEGA_SOCKET": "/run/p.sock"})


def refused(extra_config: dict[str, Any]) -> str:
    with pytest.raises(PegaError) as caught:
        settings(extra_config)
    assert caught.value.code == "PEGA_INVALID_ARGUMENT"
    return caught.value.message


def test_defaults() -> None:
    found = settings({})
    assert found == Settings(endpoint="unix:///run/p.sock")
    assert found.load_policy == "auto"
    assert found.min_load_tokens == "auto"
    assert found.sync_bytes_max == 256 * 1024 * 1024
    assert (found.load, found.store) == (True, True)


def test_a_role_may_only_load_or_only_store() -> None:
    assert not settings({}, "kv_producer").load
    assert settings({}, "kv_producer").store
    assert not settings({}, "kv_consumer").store
    assert not settings({"store": True}, "kv_consumer").store


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    assert "did you mean 'load_policy'?" in refused({"load_polcy": "auto"})
    assert "known are" in refused({"zzz": 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("endpoint", "unix:relative/p.sock"),
        ("endpoint", "localhost"),
        ("endpoint", "localhost:0"),
        ("endpoint", "localhost:70000"),
        ("endpoint", ""),
        ("endpoint", 50055),
        ("library", ""),
        ("load_policy", "fast"),
        ("load_policy", True),
        ("min_load_tokens", -1),
        ("min_load_tokens", True),
        ("min_load_tokens", "300"),
        ("sync_bytes_max", -1),
        ("sync_bytes_max", 1.5),
        ("decode_batch_blocks", 0),
        ("decode_batch_blocks", True),
        ("store", "yes"),
        ("load", 1),
        ("store_blocks_share", 0.6),
        ("query_wait_ms", float("nan")),
        ("query_wait_ms", "2"),
        ("query_deadline_ms", 0),
        ("lease_unused_s", float("inf")),
        ("weights_id", ""),
        ("weights_id", "w" * 257),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(key: str, value: object) -> None:
    message = refused({key: value})
    assert f"'{key}'" in message
    assert "required" in message


def test_null_is_the_default() -> None:
    assert settings({"library": None, "load_policy": None}) == settings({})


def test_whole_numbers_are_numbers() -> None:
    found = settings({"query_wait_ms": 5, "min_load_tokens": 0})
    assert found.query_wait_ms == 5.0
    assert isinstance(found.query_wait_ms, float)
    assert found.min_load_tokens == 0


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("unix:///run/p.sock", "unix:///run/p.sock"),
        ("unix:/run/p.sock", "unix:///run/p.sock"),
        ("/run/p.sock", "unix:///run/p.sock"),
        ("127.0.0.1:50055", "127.0.0.1:50055"),
        ("[::1]:50055", "[::1]:50055"),
        ("gpu-host:50055", "gpu-host:50055"),
    ],
)
def test_endpoints(written: str, meant: str) -> None:
    assert settings({"endpoint": written}).endpoint == meant


def test_the_servers_place_without_a_setting() -> None:
    """As `pega` itself chooses it (src/config/pega-target.ts)."""
    runtime = {**NOWHERE, "XDG_RUNTIME_DIR": "/run/user/7"}
    assert default_endpoint(NOWHERE) == f"unix:///tmp/pega-{os.getuid()}/pega.sock"
    assert default_endpoint(runtime) == "unix:///run/user/7/pega/pega.sock"
    assert default_endpoint({**runtime, "PEGA_ADDR": "h:1"}) == "h:1"
    assert default_endpoint({"PEGA_SOCKET": "/a", "PEGA_ADDR": "h:1"}) == "unix:///a"
    assert default_endpoint({"PEGA_SOCKET": "a/b"}) == f"unix://{Path.cwd()}/a/b"
    with pytest.raises(PegaError, match="PEGA_ADDR"):
        default_endpoint({"PEGA_ADDR": "nowhere"})


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        settings({}).load = False  # type: ignore[misc]

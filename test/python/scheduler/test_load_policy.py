"""scheduler/load_policy.py: which hits are loaded, and in which way."""

from __future__ import annotations

from typing import Any

import pytest

from pegaflow.scheduler.load_policy import LoadMode, LoadPolicy
from pegaflow.settings import Settings

SYNC, ASYNC, SKIP = LoadMode.SYNC, LoadMode.ASYNC, LoadMode.SKIP
MIB = 1 << 20


def policy(sync_allowed: bool = True, **settings: Any) -> LoadPolicy:
    return LoadPolicy(Settings(endpoint="unix:///s", **settings), sync_allowed=sync_allowed)


def choose(subject: LoadPolicy, **changes: Any) -> LoadMode:
    case: dict[str, Any] = {
        "tokens": 4096,
        "copied_bytes": 64 * MIB,
        "certain": True,
        "sync_bytes_before": 0,
        "decoding": False,
    }
    return subject.choose(**(case | changes))


def test_synchronous_only_where_it_is_certain_allowed_and_within_the_steps_bytes() -> None:
    assert choose(policy()) is SYNC
    assert choose(policy(), certain=False) is ASYNC
    assert choose(policy(sync_allowed=False)) is ASYNC
    assert choose(policy(sync_bytes_max=64 * MIB)) is SYNC
    assert choose(policy(sync_bytes_max=64 * MIB), sync_bytes_before=1) is ASYNC
    assert choose(policy(load_policy="async")) is ASYNC


def test_a_long_copy_does_not_hold_up_who_is_decoding() -> None:
    assert choose(policy(), decoding=True) is ASYNC
    assert choose(policy(), decoding=True, copied_bytes=MIB) is SYNC
    assert choose(policy(load_policy="sync"), decoding=True) is SYNC
    measured = policy()
    measured.loaded(64 * MIB, 0.002)
    assert choose(measured, decoding=True) is SYNC


def test_certainty_goes_before_the_wish_for_synchronous_loads() -> None:
    assert choose(policy(load_policy="sync"), certain=False) is ASYNC
    assert choose(policy(load_policy="sync", sync_bytes_max=0)) is ASYNC


@pytest.mark.parametrize(("tokens", "mode"), [(299, SKIP), (300, SYNC)])
def test_a_fixed_least_is_kept(tokens: int, mode: LoadMode) -> None:
    assert choose(policy(min_load_tokens=300), tokens=tokens) is mode


def test_nothing_is_skipped_before_both_sides_are_measured() -> None:
    subject = policy()
    assert choose(subject, tokens=1) is SYNC
    subject.loaded(MIB, 1.0)
    assert choose(subject, tokens=1) is SYNC
    subject.prefilled(4096, 0.1)
    assert choose(subject, tokens=1) is SKIP


def test_a_load_is_skipped_where_computing_is_quicker() -> None:
    subject = policy()
    subject.loaded(100 * MIB, 0.01)
    subject.prefilled(30_000, 1.0)
    assert choose(subject, tokens=64, copied_bytes=8 * MIB) is SYNC  # 0.8 ms against 2.1
    assert choose(subject, tokens=16, copied_bytes=8 * MIB) is SKIP  # 0.8 ms against 0.5
    # What asynchronous loads cost in vLLM counts too: 8.8 ms against 2.1.
    assert choose(subject, tokens=64, copied_bytes=8 * MIB, certain=False) is SKIP


def test_slow_moments_and_short_steps_do_not_turn_loads_off() -> None:
    subject = policy()
    subject.loaded(100 * MIB, 0.01)
    subject.loaded(100 * MIB, 60.0)
    subject.prefilled(30_000, 1.0)
    subject.prefilled(255, 0.0001)
    assert choose(subject, tokens=4096, copied_bytes=64 * MIB) is SYNC

"""wire/handshake.py: a rank's words come out as they went in."""

from __future__ import annotations

import pytest

from pegaflow.wire.handshake import RankHandshake, pack_handshake, unpack_handshake


@pytest.mark.parametrize(
    "handshake",
    [
        RankHandshake(2 << 20, "bfloat16, 32 layers × 64 KiB", "cuda:0"),
        RankHandshake(0, "", "cpu", "the KV cache is of kind MambaSpec"),
    ],
)
def test_round_trip(handshake: RankHandshake) -> None:
    assert unpack_handshake(pack_handshake(handshake)) == handshake


@pytest.mark.parametrize(
    "payload", [b"", b"\0" * 18, pack_handshake(RankHandshake(1, "a", "b"))[:-1]]
)
def test_other_bytes_are_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="handshake"):
        unpack_handshake(payload)

"""Message classes from the committed descriptor."""

from __future__ import annotations

import subprocess

from pegaflow.client import messages
from support.pega_server import REPOSITORY


def test_the_descriptor_is_what_the_proto_file_says() -> None:
    subprocess.run(
        ["node", "scripts/write-descriptor.mjs", "--check"], cwd=REPOSITORY, check=True, timeout=60
    )


def test_messages_survive_the_wire() -> None:
    request = messages.RegisterRequest(
        engine_id=b"e" * 16,
        role=messages.ROLE_WORKER,
        identity=messages.Identity(fields={"a": "b", "c": ""}, rank_slot_bytes=[1, 2**40]),
        layout=messages.Layout(allocations=[messages.Layout.Allocation(bytes=2**63)]),
    )
    read = messages.RegisterRequest.FromString(request.SerializeToString())
    assert read == request
    assert dict(read.identity.fields) == {"a": "b", "c": ""}
    assert list(read.identity.rank_slot_bytes) == [1, 2**40]
    assert read.layout.allocations[0].bytes == 2**63


def test_what_is_left_out_is_left_out() -> None:
    request = messages.RegisterRequest(identity=None)
    assert not request.HasField("identity")
    answer = messages.message_class("SessionResponse")
    assert answer(draining=messages.message_class("SessionDraining")()).HasField("draining")

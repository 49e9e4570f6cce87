"""Message classes from the committed descriptor."""

from __future__ import annotations

import os
import subprocess
import sys

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
        layout=messages.Layout(allocations=[messages.LayoutAllocation(bytes=2**63)]),
    )
    read = messages.RegisterRequest.FromString(request.SerializeToString())
    assert read == request
    assert dict(read.identity.fields) == {"a": "b", "c": ""}
    assert list(read.identity.rank_slot_bytes) == [1, 2**40]
    assert read.layout.allocations[0].bytes == 2**63


def test_the_runtime_in_pure_python_makes_them_too() -> None:
    program = """if True:
        from google.protobuf.internal import api_implementation
        from pegaflow.client import messages
        identity = messages.Identity(fields={"a": "b"}, rank_slot_bytes=[1])
        request = messages.RegisterRequest(
            identity=identity, layout=messages.Layout(segments=[messages.LayoutSegment(bytes=1)])
        )
        assert messages.RegisterRequest.FromString(request.SerializeToString()) == request
        print(api_implementation.Type(), dict(request.identity.fields))
    """
    told = subprocess.check_output(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "python"),
            "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
        },
        text=True,
        timeout=60,
    )
    assert told == "python {'a': 'b'}\n"


def test_what_is_left_out_is_left_out() -> None:
    request = messages.RegisterRequest(identity=None)
    assert not request.HasField("identity")
    answer = messages.message_class("SessionResponse")
    assert answer(draining=messages.message_class("SessionDraining")()).HasField("draining")

"""What a process keeps of the client when it is imported, forked or ended."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from support.inspect_view import list_instances
from support.pega_server import REPOSITORY, PegaServer
from support.waiting import until

ENDS_WITHIN_S = 60.0


def run(program: str, *arguments: str) -> str:
    """A process of its own, with this package."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python")},
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


CONNECTED = """
import os, sys, threading
from pegaflow.client.breaker import Breaker
from pegaflow.client.path_calls import PathCalls
from pegaflow.client.pega_client import PegaClient
from pegaflow.client.records import Identity, SessionReport
from pegaflow.client.registration import Registration
from pegaflow.client.server_link import ServerLink
from pegaflow.native.library import Library

client = PegaClient(sys.argv[1])
connected = threading.Event()
link = ServerLink(
    lambda: Registration.open(
        client, Library.load(), run_id="run", epoch=0, rank=None, rank_count=1,
        identity=Identity({}, 16, 16, 1, (8192,)), layout=None, device="cpu", name="the test",
    ),
    on_tick=lambda registration: registration and connected.set(),
    on_lost=lambda registration: registration.close(),
    make_report=SessionReport,
)
link.start()
assert connected.wait(30)
calls = PathCalls(link.current, Breaker())
calls.query(b"h" * 16, 0, 600, lambda answer: None)
calls.reserve(b"", b"h" * 16, 600, lambda answer: None)
"""


def test_importing_starts_no_thread_and_opens_nothing() -> None:
    told = run("""
        import os, threading
        before = len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))
        import pegaflow.client.path_calls, pegaflow.client.server_link
        after = len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd"))
        print(before == after, threading.active_count())
    """)
    assert told.split() == ["True", "1"]


def test_a_process_ends_without_closing_anything(pega_server: PegaServer) -> None:
    assert run(CONNECTED + "print('end')", pega_server.address) == "end\n"


def test_a_process_ends_beside_a_silent_server(pega_server: PegaServer) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            CONNECTED + "print('connected', flush=True)\nsys.stdin.read()",
            pega_server.address,
        ],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "python")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "connected\n"
            pega_server.pause()
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(ENDS_WITHIN_S) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_a_forked_child_ends_and_leaves_its_parent_alone(end: str, pega_server: PegaServer) -> None:
    told = run(
        CONNECTED
        + textwrap.dedent(f"""
            child = os.fork()
            if child == 0:
                {end}
            _, status = os.waitpid(child, 0)
            answered = threading.Event()
            calls.query(b"h" * 16, 0, 30, lambda answer: answered.set())
            print(status, answered.wait(30), link.current is not None)
        """),
        pega_server.address,
    )
    assert told.split() == ["0", "True", "True"]


def test_a_dead_process_leaves_nothing_in_the_server(pega_server: PegaServer) -> None:
    run(CONNECTED + "os._exit(0)", pega_server.address)
    until(lambda: not list_instances(pega_server.address), "the engine is gone")

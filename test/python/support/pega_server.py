"""A real `pega serve` on a pool folder of its own, which a test may stop, kill, pause and restart.

It ends with the test's process, however that dies: its IPC channel is closed then
(src/process/stop-with-parent.ts). Nothing stays in /dev/shm.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0


class PegaServer:
    def __init__(self, pool_size: str = "64mb", device: str = "cpu") -> None:
        self.pool_size = pool_size
        self.device = device
        self.folder = Path(tempfile.mkdtemp(prefix="pega-python-test-", dir="/dev/shm"))
        self.socket = self.folder / "pega.sock"
        self.address = f"unix://{self.socket}"
        self.ready: dict[str, str] = {}
        """The pairs of the ready line."""
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    @property
    def boot_number(self) -> int:
        return int(self.ready["boot"])

    def start(self) -> None:
        """Until it serves. Again after stop() or kill(): on the same folder and socket."""
        assert self._process is None
        ours, theirs = socket.socketpair()
        self._channel = ours
        with theirs, (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "node",
                    str(REPOSITORY / "bin" / "run.js"),
                    "serve",
                    f"--device={self.device}",
                    "--addr=127.0.0.1:0",
                    "--http-addr=127.0.0.1:0",
                    f"--socket={self.socket}",
                    f"--pool-dir={self.folder}",
                    f"--pool-size={self.pool_size}",
                ],
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith("PEGA_")},
                    "PEGA_STOP_WITH_PARENT": "1",
                    "NODE_CHANNEL_FD": str(theirs.fileno()),
                },
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.ready = self._ready_line()

    def stop(self) -> None:
        """SIGTERM: an orderly end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP; when this returns it does nothing any more."""
        assert self._process is not None
        pid = self._process.pid
        os.kill(pid, signal.SIGSTOP)
        until_s = time.monotonic() + STOP_WITHIN_S
        while not _all_threads_stopped(pid):
            assert time.monotonic() < until_s, "the server does not stop"

    def go_on(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def restart(self) -> None:
        """What a crash and a supervisor do."""
        self.kill()
        self.start()

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")

    def remove(self) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        process, channel = self._process, self._channel
        assert process is not None
        assert process.stdout is not None
        assert channel is not None
        self._process = self._channel = None
        os.kill(process.pid, how)
        if how is not signal.SIGKILL:
            os.kill(process.pid, signal.SIGCONT)  # a paused one hears it too
        try:
            process.wait(STOP_WITHIN_S)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            channel.close()

    def _ready_line(self) -> dict[str, str]:
        assert self._process is not None
        assert self._process.stdout is not None
        text = b""
        until_s = time.monotonic() + READY_WITHIN_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in text and selector.select(until_s - time.monotonic()):
                read = os.read(self._process.stdout.fileno(), 65536)
                if not read:
                    break
                text += read
        words = text.decode().partition("\n")[0].split()
        assert words[:1] == ["ready"], f"the server is not ready: {text!r}\n{self.log()}"
        return dict(word.split("=", 1) for word in words[1:])


def _all_threads_stopped(pid: int) -> bool:
    states = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return all(state == "T" for state in states)

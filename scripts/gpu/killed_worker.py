"""A worker is killed in the middle of copies, again and again, while another one copies beside it.

    python3 scripts/gpu/killed_worker.py --kills 50 --out killed.jsonl

Starts a server and one worker that stores, loads and compares every byte all the time. Others come
and are killed (SIGKILL) with copies under way. One line of JSON a kill: how long after the process's
end the server had its slots free again, and how many rounds of the survivor were right meanwhile;
at the end a line with the sum. Exit code 1: something was wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from pool import Figures, Pool

from support.inspect_view import get_pool, list_instances

SCRIPT = Path(__file__).resolve().parent / "copying_worker.py"
SOON_S = 60.0
FREE_WITHIN_S = 1.0


class Worker:
    def __init__(self, pool: Pool, gpu: str, *, verify: bool) -> None:
        command = [sys.executable, str(SCRIPT), "--address", pool.server.address, "--gpu", gpu]
        self.process = subprocess.Popen(
            [*command, *(["--verify"] if verify else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told: list[dict[str, int]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def await_told(self, count: int) -> None:
        until_s = time.monotonic() + SOON_S
        while len(self.told) < count:
            assert self.process.poll() is None, "a worker ended by itself"
            assert time.monotonic() < until_s, "a worker says nothing"
            time.sleep(0.002)

    def kill(self) -> float:
        """When it had ended."""
        self.process.kill()
        self.process.wait()
        return time.monotonic()

    def stop(self) -> int:
        """Its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(SOON_S)
        self._reader.join()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))


def engine_of(pool: Pool, pid: int) -> bytes | None:
    """Its namespace, while the server knows of a living process with that number."""
    for instance in list_instances(pool.server.address):
        if any(process.pid == pid for process in instance.processes):
            return bytes(instance.namespace_digest)
    return None


def slots_used(pool: Pool, namespace: bytes) -> int:
    classes = get_pool(pool.server.address).classes
    return sum(c.slots_used for c in classes if c.namespace_digest == namespace)


def freed_after_s(pool: Pool, pid: int, namespace: bytes, ended_s: float) -> float:
    while slots_used(pool, namespace) > 0 or engine_of(pool, pid) is not None:
        assert time.monotonic() < ended_s + SOON_S, "the slots of a killed worker stay taken"
        time.sleep(0.002)
    return time.monotonic() - ended_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", help="a file that the lines are added to")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--gpu", default="0", help="its number, or cpu for copies in host memory")
    parser.add_argument("--seed", type=int, default=1, help="of when they are killed")
    arguments = parser.parse_args()
    figures = Figures(arguments.out)
    moments = random.Random(arguments.seed)
    late = 0
    with Pool("512mb", device=arguments.gpu) as pool:
        pool.await_filled()
        survivor = Worker(pool, arguments.gpu, verify=True)
        survivor.await_told(2)
        for number in range(arguments.kills):
            victim = Worker(pool, arguments.gpu, verify=False)
            victim.await_told(1)
            namespace = engine_of(pool, victim.process.pid)
            assert namespace is not None, "the server does not know the worker"
            used = slots_used(pool, namespace)
            assert used > 0, "the worker has no slots"
            time.sleep(moments.uniform(0.05, 0.3))  # somewhere in its copies
            before = len(survivor.told)
            free_s = freed_after_s(pool, victim.process.pid, namespace, victim.kill())
            survivor.await_told(before + 2)  # a whole round since the kill
            late += free_s > FREE_WITHIN_S
            figures.tell(
                "kill",
                number=number,
                slots=used,
                free_after_s=round(free_s, 3),
                survivor_rounds=len(survivor.told),
            )
        rounds = len(survivor.told)
        code = survivor.stop()
        wrong = [line for line in survivor.told if "wrong" in line]
        right = code == 0 and not wrong and late == 0
        figures.tell(
            "sum", kills=arguments.kills, late=late, wrong=len(wrong), rounds=rounds, right=right
        )
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()

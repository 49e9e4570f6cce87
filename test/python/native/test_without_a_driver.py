"""libpega where no CUDA driver can be loaded: asked for a GPU it says so, all else works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pegaflow.native.library import Library
from support.pega_server import REPOSITORY, PegaServer

PROGRAM = """
import sys
from pegaflow.errors import PegaError
from pegaflow.native.library import Library
from pegaflow.native.transfer import Segment, Transfer
from support.host_kv_cache import HostKVCache
from support.scheduler_stand_in import SchedulerStandIn

cache = HostKVCache()
engine = SchedulerStandIn(sys.argv[1], Library.load(sys.argv[2]), cache.slot_bytes)
page = cache.page_bytes
for ordinal in (0, None):
    try:
        Transfer.create(
            engine.registration.memory,
            allocations=[(cache.address, cache.size)],
            segments=[Segment(0, 0, 0, page, page)],
            block_count=cache.blocks,
            cuda_ordinal=ordinal,
        ).close()
        print("opened")
    except PegaError as error:
        print(error.code)
engine.close()
"""


def test_only_a_gpu_s_transfer_is_refused(
    pega_server: PegaServer, library: Library, tmp_path: Path
) -> None:
    (tmp_path / "libcuda.so.1").write_bytes(b"no library")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, pega_server.address, library.path],
        env={
            **os.environ,
            "LD_LIBRARY_PATH": str(tmp_path),
            "PYTHONPATH": os.pathsep.join(
                str(REPOSITORY / folder) for folder in ("python", "test/python")
            ),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout.split() == ["PEGA_UNSUPPORTED", "opened"], ended.stderr

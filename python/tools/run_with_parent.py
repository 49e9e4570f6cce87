"""Becomes another Python program that the kernel ends when its parent is gone, however it died.

usage: run_with_parent.py PARENT_PID ARGUMENT...   (the arguments of the interpreter)
Run by `pega`, so that no vLLM stays behind when `pega` itself is killed. Linux only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *arguments = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl: {os.strerror(number)}")
    if os.getppid() != int(parent):
        sys.exit("the parent ended first")
    # What prctl set stays across exec.
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()

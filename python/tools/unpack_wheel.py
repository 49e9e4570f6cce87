"""Installs one wheel into the interpreter that runs this: `python unpack_wheel.py WHEEL`.

For `pega connector install` where an environment has no pip (as uv's have none). The wheel's files
are checked against its RECORD; an older version of the same distribution goes first; INSTALLER and
RECORD are written as pip writes them, so that pip and uv can remove it. It takes no dependencies.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import sys
import sysconfig
import zipfile
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

INSTALLER = b"pega\n"


def digest_of(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def read_wheel(path: str) -> dict[str, bytes]:
    """All files by name. Raises ValueError where one is not what RECORD says or leads elsewhere."""
    with zipfile.ZipFile(path) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    record = files[record_name(files)].decode()
    recorded = {row[0]: row[1] for row in csv.reader(io.StringIO(record)) if row}
    for name, content in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{path}: {name} leads out of the environment")
        if name not in recorded or recorded[name] not in ("", digest_of(content)):
            raise ValueError(f"{path}: {name} is not what the wheel's RECORD says")
    return files


def record_name(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.endswith(".dist-info/RECORD"))


def remove_installed(name: str, root: Path) -> None:
    """Removes the distribution's files, what Python compiled of them, and folders left empty.

    Looks in this environment alone: one that it is made over keeps what it has.
    """
    installed = distributions(name=name, path=[str(root)])
    paths = [Path(str(file.locate())) for one in installed for file in one.files or []]
    for path in paths:
        path.unlink(missing_ok=True)
        if path.suffix == ".py":
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()
    for folder in sorted({path.parent for path in paths}, key=lambda one: -len(one.parts)):
        for empty in (folder / "__pycache__", folder):
            if empty.is_dir() and not os.listdir(empty):
                empty.rmdir()


def install(path: str) -> None:
    files = read_wheel(path)
    record = record_name(files)
    info = PurePosixPath(record).parent
    files[f"{info}/INSTALLER"] = INSTALLER
    del files[record]
    rows = [(name, digest_of(content), str(len(content))) for name, content in files.items()]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([*rows, (record, "", "")])
    # The record comes last: without it nothing counts as installed.
    files[record] = written.getvalue().encode()

    root = Path(sysconfig.get_path("platlib"))
    remove_installed(info.name.split("-")[0], root)
    for name, content in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if target.suffix == ".so":
            target.chmod(0o755)


if __name__ == "__main__":
    install(sys.argv[1])

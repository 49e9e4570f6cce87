"""Digests of files that were seen before, kept in ~/.cache/pega/weights.json.

An entry holds as long as the file has its path, device, inode, size and both times. Losing the
cache costs time only, so that a cache that can't be read or written is no error.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping

ENTRIES_MAX = 4096


def default_cache_path(environment: Mapping[str, str] = os.environ) -> str:
    folder = environment.get("XDG_CACHE_HOME", "")
    if not folder.startswith("/"):
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(folder, "pega", "weights.json")


class DigestCache:
    def __init__(self, path: str) -> None:
        self._path = path
        self._entries = _read(path)
        self._added: dict[str, list[object]] = {}

    def digest(self, path: str, compute: Callable[[str], str]) -> str:
        """Of the file at a full path; compute is called with it where the cache doesn't know it."""
        before = _stamp(path)
        entry = self._entries.get(path)
        if entry is not None and entry[:-1] == before:
            return str(entry[-1])
        value = compute(path)
        # Under the stamp from before: a file that was written meanwhile has another one now.
        self._added[path] = [*before, value]
        return value

    def save(self) -> None:
        """Adds what is new to what other processes wrote meanwhile; the file is replaced whole."""
        if not self._added:
            return
        entries = {
            path: entry for path, entry in _read(self._path).items() if path not in self._added
        }
        entries.update(self._added)
        newest = dict(list(entries.items())[-ENTRIES_MAX:])
        try:
            _replace(self._path, json.dumps(newest))
        except OSError:
            return
        self._entries, self._added = newest, {}


def _stamp(path: str) -> list[object]:
    status = os.stat(path)
    return [
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]


def _read(path: str) -> dict[str, list[object]]:
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {
        path: entry
        for path, entry in entries.items()
        if isinstance(entry, list) and len(entry) == 6 and isinstance(entry[-1], str)
    }


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".weights-")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

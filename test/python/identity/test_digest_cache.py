"""DigestCache: knows a file again until anything about it changes; never in the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pegaflow.identity.digest_cache import ENTRIES_MAX, DigestCache, default_cache_path


class Computing:
    """Counts what had to be computed."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, path: str) -> str:
        self.paths.append(path)
        return Path(path).read_text()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_text("one")
    return path


def ask(cache: Path, weights: Path, compute: Computing) -> str:
    digests = DigestCache(str(cache))
    value = digests.digest(str(weights), compute)
    digests.save()
    return value


def test_a_file_is_computed_once(tmp_path: Path, weights: Path) -> None:
    compute = Computing()
    cache = tmp_path / "made" / "on the way" / "weights.json"
    assert [ask(cache, weights, compute) for _ in range(3)] == ["one"] * 3
    assert compute.paths == [str(weights)]


def test_content_with_the_old_time_and_size_is_seen(tmp_path: Path, weights: Path) -> None:
    compute, cache = Computing(), tmp_path / "weights.json"
    ask(cache, weights, compute)
    status = weights.stat()
    weights.write_text("two")
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ask(cache, weights, compute) == "two"


def test_a_replaced_file_is_seen(tmp_path: Path, weights: Path) -> None:
    compute, cache = Computing(), tmp_path / "weights.json"
    ask(cache, weights, compute)
    (tmp_path / "new").write_text("two")
    (tmp_path / "new").rename(weights)
    assert ask(cache, weights, compute) == "two"


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, weights: Path
) -> None:
    cache = tmp_path / "weights.json"

    def compute_and_disturb(path: str) -> str:
        Path(path).write_text("longer")
        return "torn"

    digests = DigestCache(str(cache))
    assert digests.digest(str(weights), compute_and_disturb) == "torn"
    digests.save()
    assert ask(cache, weights, Computing()) == "longer"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"%s": 1}', '{"%s": [1, 2, 3, 4, 5, 6]}'])
def test_a_spoilt_cache_is_no_cache(tmp_path: Path, weights: Path, content: str) -> None:
    cache = tmp_path / "weights.json"
    cache.write_text(content.replace("%s", str(weights)))
    assert ask(cache, weights, Computing()) == "one"
    assert ask(cache, weights, compute := Computing()) == "one"
    assert compute.paths == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "file").touch()
    assert ask(tmp_path / "file" / "weights.json", weights, Computing()) == "one"


def test_two_processes_keep_both_their_entries(tmp_path: Path, weights: Path) -> None:
    cache = tmp_path / "weights.json"
    other = tmp_path / "b.bin"
    other.write_text("other")
    first, second = DigestCache(str(cache)), DigestCache(str(cache))
    first.digest(str(weights), Computing())
    second.digest(str(other), Computing())
    first.save()
    second.save()
    compute = Computing()
    assert ask(cache, weights, compute) == "one"
    assert ask(cache, other, compute) == "other"
    assert compute.paths == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_cache_is_bounded(tmp_path: Path, weights: Path) -> None:
    cache = tmp_path / "weights.json"
    old = {f"/gone/{number}": [0, 0, 0, 0, 0, "x"] for number in range(ENTRIES_MAX)}
    cache.write_text(json.dumps(old))
    ask(cache, weights, Computing())
    entries = json.loads(cache.read_text())
    assert len(entries) == ENTRIES_MAX
    assert str(weights) in entries
    assert "/gone/0" not in entries


def test_where_it_is() -> None:
    assert default_cache_path({"XDG_CACHE_HOME": "/c"}) == "/c/pega/weights.json"
    expected = str(Path.home() / ".cache/pega/weights.json")
    assert default_cache_path({}) == expected
    assert default_cache_path({"XDG_CACHE_HOME": "relative"}) == expected

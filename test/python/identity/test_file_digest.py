"""The digest of one file: changes with its content, whether or not it is read whole."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from pegaflow.identity.file_digest import WHOLE_BYTES_MAX, digest_file

TENSORS = 8
TENSOR_BYTES = 4 << 20


def write_safetensors(path: Path, *, names: str = "layer") -> int:
    """Eight tensors of 4 MiB; returns where the first begins."""
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            **{
                f"{names}.{at}": {
                    "dtype": "BF16",
                    "shape": [TENSOR_BYTES // 2],
                    "data_offsets": [at * TENSOR_BYTES, (at + 1) * TENSOR_BYTES],
                }
                for at in range(TENSORS)
            },
        }
    ).encode()
    begin = 8 + len(header)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for at in range(TENSORS):
            file.write(bytes([at]) * TENSOR_BYTES)
    return begin


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_the_same_content_has_the_same_digest_wherever_it_lies(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a.safetensors")
    (tmp_path / "there").mkdir()
    write_safetensors(tmp_path / "there" / "b.safetensors")
    first = digest_file(str(tmp_path / "a.safetensors"))
    assert first == digest_file(str(tmp_path / "there" / "b.safetensors"))
    assert len(bytes.fromhex(first)) == 32


@pytest.mark.parametrize("tensor", range(TENSORS))
def test_a_tensor_that_was_trained_further_changes_it(tmp_path: Path, tensor: int) -> None:
    path = tmp_path / "a.safetensors"
    begin = write_safetensors(path)
    assert path.stat().st_size > WHOLE_BYTES_MAX
    before = digest_file(str(path))
    overwrite(path, begin + tensor * TENSOR_BYTES, b"\xff" * TENSOR_BYTES)
    assert digest_file(str(path)) != before


def test_the_middle_of_each_tensor_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    begin = write_safetensors(path)
    for tensor in range(TENSORS):
        before = digest_file(str(path))
        overwrite(path, begin + tensor * TENSOR_BYTES + TENSOR_BYTES // 2, b"\xee" * 16)
        assert digest_file(str(path)) != before


def test_another_header_or_end_changes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_safetensors(path)
    before = digest_file(str(path))
    overwrite(path, path.stat().st_size - 1, b"\xff")
    changed = digest_file(str(path))
    write_safetensors(path, names="loyer")
    assert len({before, changed, digest_file(str(path))}) == 3


def test_size_counts(tmp_path: Path) -> None:
    """Also where every piece holds the same bytes."""
    digests = set()
    for size in (0, 1, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX + 1, WHOLE_BYTES_MAX + 2):
        path = tmp_path / f"{size}.bin"
        path.touch()
        os.truncate(path, size)
        digests.add(digest_file(str(path)))
    assert len(digests) == 5


def test_small_files_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    content = bytearray(3_000_001)
    path.write_bytes(content)
    seen = {digest_file(str(path))}
    for offset in (0, 1_234_567, 3_000_000):
        overwrite(path, offset, b"\x01")
        seen.add(digest_file(str(path)))
    assert len(seen) == 4


@pytest.mark.parametrize(
    "beginning",
    [
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 0),
        struct.pack("<Q", 4) + b"nope",
        struct.pack("<Q", 13) + b'{"a": "wrong"}',
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 28) + b'{"a": {"data_offsets": [1]}}',
    ],
)
def test_a_file_that_is_not_what_its_name_says_has_a_digest_too(
    tmp_path: Path, beginning: bytes
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(beginning)
    os.truncate(path, WHOLE_BYTES_MAX + 4096)
    first = digest_file(str(path))
    overwrite(path, WHOLE_BYTES_MAX, b"\x01")
    assert digest_file(str(path)) != first


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_file(str(tmp_path / "none"))

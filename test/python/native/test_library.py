"""Library: found, checked, refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pegaflow.errors import PegaError
from pegaflow.native.library import Library


def build(folder: Path, source: str) -> str:
    path = folder / "libpega.so"
    (folder / "library.c").write_text(source)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", str(path), str(folder / "library.c")], check=True
    )
    return str(path)


def test_finds_the_build_of_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PEGA_LIBRARY", raising=False)
    assert Library.load().shared_layout_version >= 1


def test_a_named_library_is_the_only_one_that_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PegaError, match=r"nowhere\.so") as refused:
        Library.load(str(tmp_path / "nowhere.so"))
    assert refused.value.code == "PEGA_NOT_FOUND"
    monkeypatch.setenv("PEGA_LIBRARY", str(tmp_path / "elsewhere.so"))
    with pytest.raises(PegaError, match=r"elsewhere\.so"):
        Library.load()


def test_refuses_what_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "libpega.so"
    path.write_text("not a library")
    with pytest.raises(PegaError) as refused:
        Library.load(str(path))
    assert refused.value.code == "PEGA_UNSUPPORTED"


def test_refuses_another_abi(tmp_path: Path) -> None:
    source = """
        unsigned pega_abi_version(void) { return 2; }
        unsigned pega_shared_layout_version(void) { return 1; }
        const char *pega_code_name(int code) { return ""; }
        const char *pega_last_message(void) { return ""; }
    """
    with pytest.raises(PegaError, match="ABI version 2") as refused:
        Library.load(build(tmp_path, source))
    assert refused.value.code == "PEGA_UNSUPPORTED"


def test_refuses_a_library_that_lacks_a_call(tmp_path: Path) -> None:
    source = """
        unsigned pega_abi_version(void) { return 1; }
        unsigned pega_shared_layout_version(void) { return 1; }
        const char *pega_code_name(int code) { return ""; }
        const char *pega_last_message(void) { return ""; }
    """
    with pytest.raises(PegaError, match="pega_memory_boot_number") as refused:
        Library.load(build(tmp_path, source))
    assert refused.value.code == "PEGA_UNSUPPORTED"


def test_quick_calls_and_slow_calls_go_through_their_own_handle(library: Library) -> None:
    assert hasattr(library.quick, "pega_memory_hold")
    assert not hasattr(library.slow, "pega_memory_hold")
    assert hasattr(library.slow, "pega_transfer_wait")
    assert not hasattr(library.quick, "pega_transfer_wait")

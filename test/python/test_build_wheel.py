"""python/build_wheel.py: what is in the wheel, its bytes, and what it says when it can't."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import build_wheel
import pegaflow

ROOT = Path(__file__).resolve().parents[2]
WHEEL = f"pega_connector-{pegaflow.__version__}-py3-none-linux_{os.uname().machine}.whl"
INFO = f"pega_connector-{pegaflow.__version__}.dist-info"


def run_build(folder: Path, script: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copy_of_the_source(folder: Path) -> Path:
    """A clone in which nothing native was built; its build script."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "python", folder / "python", ignore=ignored)
    for name in ("package.json", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder / "python" / "build_wheel.py"


def test_the_package_the_library_and_its_description_are_in_it(tmp_path: Path) -> None:
    built = run_build(tmp_path, ROOT / "python" / "build_wheel.py")
    assert built.returncode == 0, built.stderr
    assert built.stdout.strip() == str(tmp_path / WHEEL)
    with zipfile.ZipFile(tmp_path / WHEEL) as wheel:
        names = wheel.namelist()
        library = wheel.read("pegaflow/lib/libpega.so")
        metadata = Parser().parsestr(wheel.read(f"{INFO}/METADATA").decode())
        tags = wheel.read(f"{INFO}/WHEEL").decode()
    assert {"pegaflow/__init__.py", "pegaflow/py.typed", f"{INFO}/licenses/LICENSE"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert library == (ROOT / "build/release/libpega.so").read_bytes()
    assert metadata["Name"] == "pega-connector"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_all("Requires-Dist") == ["grpcio>=1.60", "protobuf>=4.25"]
    assert f"Tag: py3-none-linux_{os.uname().machine}\n" in tags


def test_the_record_has_every_file_with_its_digest(tmp_path: Path) -> None:
    name = build_wheel.make_wheel(tmp_path)
    with zipfile.ZipFile(tmp_path / name) as wheel:
        rows = list(csv.reader(io.StringIO(wheel.read(f"{INFO}/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(wheel.namelist())
        for path, digest, size in rows:
            if path == f"{INFO}/RECORD":
                assert (digest, size) == ("", "")
                continue
            content = wheel.read(path)
            sha = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={sha}", str(len(content)))


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    script = copy_of_the_source(tmp_path)
    library = tmp_path / "build" / "release" / "libpega.so"
    library.parent.mkdir(parents=True)
    shutil.copy(ROOT / "build/release/libpega.so", library)
    os.utime(script.parent / "pegaflow" / "__init__.py", (1, 1))
    script.parent.joinpath("pegaflow", "wire", "left.pyc").write_bytes(b"left behind")
    assert run_build(tmp_path / "elsewhere", script).returncode == 0
    build_wheel.make_wheel(tmp_path / "here")
    assert (tmp_path / "elsewhere" / WHEEL).read_bytes() == (tmp_path / "here" / WHEEL).read_bytes()


def test_an_older_wheel_makes_room(tmp_path: Path) -> None:
    tmp_path.joinpath("pega_connector-0.0.1-py3-none-linux_x86_64.whl").write_bytes(b"")
    tmp_path.joinpath("other-0.0.1-py3-none-any.whl").write_bytes(b"")
    assert run_build(tmp_path, ROOT / "python" / "build_wheel.py").returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["other-0.0.1-py3-none-any.whl", WHEEL]


def test_pip_builds_it_offline(tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-index",
        "--no-deps",
        "-w",
        str(tmp_path),
    ]
    built = subprocess.run(
        [*pip, str(ROOT / "python")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    assert os.listdir(tmp_path) == [WHEEL]


def test_without_the_native_library_it_says_what_to_do(tmp_path: Path) -> None:
    built = run_build(tmp_path / "out", copy_of_the_source(tmp_path))
    assert built.returncode == 1
    assert "libpega.so: No such file or directory\nTry: npm run build:native" in built.stderr
    assert not (tmp_path / "out").exists()


def test_versions_that_differ_are_refused(tmp_path: Path) -> None:
    script = copy_of_the_source(tmp_path)
    tmp_path.joinpath("package.json").write_text('{ "version": "9.9.9" }')
    built = run_build(tmp_path / "out", script)
    assert built.returncode == 1
    assert f"pyproject.toml has version {pegaflow.__version__}, package.json 9.9.9" in built.stderr


def test_its_reader_of_the_project_table_reads_what_toml_says() -> None:
    tomllib = importlib.import_module("tomllib")  # not there in 3.10, for which types are checked
    table = tomllib.loads((ROOT / "python" / "pyproject.toml").read_text())
    assert build_wheel.read_project() == table["project"]

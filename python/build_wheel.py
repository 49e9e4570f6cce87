"""Builds the connector's wheel: `python3 python/build_wheel.py OUT_DIR`, or as a PEP 517 backend.

Takes pegaflow/, build/release/libpega.so and the licence; needs neither network nor packages.
The same input gives the same bytes: names are sorted, times fixed, nothing is compressed. It builds
nothing native: `npm run build` does that first.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parent
ROOT = PYTHON.parent
LIBRARY = ROOT / "build" / "release" / "libpega.so"
# As zip files count time, there is none before it.
TIME = (1980, 1, 1, 0, 0, 0)
# e_machine of the ELF header, and what the platform is called in a wheel's name.
MACHINES = {62: "x86_64", 183: "aarch64"}


class BuildError(Exception):
    """What is missing or does not fit, and what to try."""


def read_project() -> dict[str, Any]:
    """[project] of pyproject.toml. Python 3.10 has no tomllib; what we write there is simple."""
    text = (PYTHON / "pyproject.toml").read_text()
    table = re.search(r"^\[project\]\n(.*?)(?=^\[)", text, re.MULTILINE | re.DOTALL)
    if table is None:
        raise BuildError("pyproject.toml has no [project]")
    pairs = re.finditer(r"^([\w-]+) = (\[.*?^\]|.*?$)", table[1], re.MULTILINE | re.DOTALL)
    return {pair[1]: ast.literal_eval(pair[2]) for pair in pairs}


def check_versions(project: dict[str, Any]) -> None:
    """One release has one version, wherever it is written."""
    version = project["version"]
    package = json.loads((ROOT / "package.json").read_text())["version"]
    module = (PYTHON / "pegaflow" / "__init__.py").read_text()
    if version != package or f'__version__ = "{version}"' not in module:
        raise BuildError(
            f"pyproject.toml has version {version}, package.json {package}; they and __version__ in"
            " pegaflow/__init__.py have to be the same"
        )


def read_library() -> tuple[bytes, str]:
    """The native library and the machine that it is for."""
    try:
        library = LIBRARY.read_bytes()
    except OSError as error:
        raise BuildError(f"{LIBRARY}: {error.strerror}\nTry: npm run build:native") from error
    machine = MACHINES.get(int.from_bytes(library[18:20], "little"))
    if library[:4] != b"\x7fELF" or machine is None:
        raise BuildError(f"{LIBRARY} is no library for {' or '.join(MACHINES.values())}")
    return library, machine


def metadata_of(project: dict[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {dependency}" for dependency in project["dependencies"]),
        *(f"Classifier: {classifier}" for classifier in project["classifiers"]),
        "Description-Content-Type: text/markdown",
        "",
        (PYTHON / project["readme"]).read_text(),
    ]
    return "\n".join(lines)


def package_files() -> dict[str, bytes]:
    """pegaflow/ as it is in the source tree; what running it left there is not the package's."""
    files = (path for path in (PYTHON / "pegaflow").rglob("*") if path.is_file())
    return {
        path.relative_to(PYTHON).as_posix(): path.read_bytes()
        for path in files
        if "__pycache__" not in path.parts and path.suffix not in {".pyc", ".so"}
    }


def record_of(files: dict[str, bytes], record: str) -> bytes:
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{record},,", ""]).encode()


def make_wheel(folder: Path) -> str:
    """Writes the wheel into the folder; its name."""
    project = read_project()
    check_versions(project)
    library, machine = read_library()
    tag = f"py3-none-linux_{machine}"
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{stem}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: pega\nRoot-Is-Purelib: false\nTag: {tag}\n"
    # The package first, its description last, as installers like it.
    files = dict(sorted({**package_files(), "pegaflow/lib/libpega.so": library}.items()))
    files[f"{info}/METADATA"] = metadata_of(project).encode()
    files[f"{info}/WHEEL"] = wheel.encode()
    files[f"{info}/licenses/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files[f"{info}/RECORD"] = record_of(files, f"{info}/RECORD")

    folder.mkdir(parents=True, exist_ok=True)
    name = f"{stem}-{tag}.whl"
    unfinished = folder / f".{name}.part"
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, TIME)
            entry.create_system = 3  # Unix: the permissions count
            entry.external_attr = (0o100755 if path.endswith(".so") else 0o100644) << 16
            archive.writestr(entry, content)
    unfinished.rename(folder / name)
    return name


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """PEP 517."""
    return make_wheel(Path(wheel_directory))


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """PEP 517: there is none, the native library needs the whole repository."""
    raise BuildError("build a wheel: the connector has no source distribution of its own")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", metavar="OUT_DIR", type=Path, help="where the wheel goes")
    folder = parser.parse_args().folder
    try:
        name = make_wheel(folder)
    except (BuildError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    for older in folder.glob("pega_connector-*.whl"):
        if older.name != name:
            older.unlink()
    print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

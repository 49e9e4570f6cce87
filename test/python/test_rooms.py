"""The rooms of the package: who may import whom (docs/architecture.md §5), who may know vLLM."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "python" / "pegaflow"

BASE = {"errors", "settings", "stats_recorder"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "stats_recorder": set(),
    "native": {"errors"},
    "wire": set(),
    "client": {"errors", "native"},
    "identity": BASE | {"client"},
    "installed_vllm": BASE | {"identity"},
    "metrics": {"stats_recorder"},
    "scheduler": BASE | {"client", "native", "identity", "wire", "installed_vllm"},
    "worker": BASE | {"client", "native", "identity", "wire"},
    "connector": BASE | {"scheduler", "worker", "installed_vllm", "metrics", "wire"},
}
KNOW_VLLM = {"connector", "installed_vllm", "metrics"}
FOREIGN = {
    "grpc": {"client"},
    "google": {"client"},
    "ctypes": {"native"},
    "vllm": KNOW_VLLM,
    "torch": KNOW_VLLM,
}
"""Of packages that are not ours, and of the standard library: the only rooms that import them."""


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield str(node.module)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(module: Path) -> None:
    room = room_of(module)
    assert room in MAY_IMPORT, f"{module}: a room that is not on the map"
    for name in imports_of(module):
        first, *rest = name.split(".")
        if first == "pegaflow" and rest:
            assert rest[0] == room or rest[0] in MAY_IMPORT[room], f"{module} imports {name}"
        if first in FOREIGN:
            assert room in FOREIGN[first], f"{module} imports {name}"


def test_the_rooms_make_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {room for room, may in MAY_IMPORT.items() if may <= done} - done
        assert ready, f"a cycle among {sorted(set(MAY_IMPORT) - done)}"
        done |= ready

"""Says as JSON, on its last line of stdout, whether the installed connector can be used.

Run by `pega connector` in the interpreter of a vLLM. Each check does what vLLM will do: it imports,
and loads the native library. It starts and registers nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable


def outcome(check: Callable[[], str]) -> dict[str, str]:
    """What the check found, or why it failed."""
    try:
        return {"found": check()}
    except BaseException as error:  # a broken build may even call sys.exit
        first_line = next(iter(str(error).splitlines()), "")
        return {"error": f"{type(error).__name__}: {first_line}"}


def import_of(name: str) -> Callable[[], str]:
    return lambda: str(getattr(importlib.import_module(name), "__version__", "unknown"))


def load_library() -> str:
    library = importlib.import_module("pegaflow.native.library").Library.load()
    return str(library.path)


def import_connector() -> str:
    """The class that vLLM is told to take."""
    connector = importlib.import_module("pegaflow.connector").PegaKVConnector
    return f"{connector.__module__}.{connector.__qualname__}"


def main() -> None:
    checks = {
        "pegaflow": outcome(import_of("pegaflow")),
        "grpc": outcome(import_of("grpc")),
        "protobuf": outcome(import_of("google.protobuf")),
        "library": outcome(load_library),
    }
    if importlib.util.find_spec("vllm") is not None:
        checks["connector"] = outcome(import_connector)
    sys.stdout.write(f"\n{json.dumps(checks)}\n")


if __name__ == "__main__":
    main()

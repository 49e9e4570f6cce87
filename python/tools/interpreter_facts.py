"""Says as JSON, on its last line of stdout, what an interpreter is and what is installed in it.

Run by `pega connector` in any interpreter, also in one that is too old for the connector. It
imports nothing of what it tells about: check_connector.py does that.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
import sysconfig
from importlib.metadata import Distribution, distributions

MODULES = ("vllm", "pegaflow", "grpc", "google.protobuf")


def owners_of(modules: tuple[str, ...]) -> dict[str, list[dict[str, str]]]:
    """Which distributions brought the modules; of two with one name the first on the path."""
    owners: dict[str, list[dict[str, str]]] = {module: [] for module in modules}
    seen: set[str] = set()
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if not name or name.lower() in seen:
            continue
        seen.add(name.lower())
        for module in modules:
            if brings(distribution, module):
                owners[module].append({"name": name, "version": distribution.version})
    return owners


def brings(distribution: Distribution, module: str) -> bool:
    """By its list of files; by its top-level names where that says more, as of editable ones."""
    folder = module.replace(".", "/") + "/"
    record = distribution.read_text("RECORD") or ""
    if record.startswith(folder) or f"\n{folder}" in record:
        return True
    return module in (distribution.read_text("top_level.txt") or "").split()


def is_writable(folder: str) -> bool:
    """A folder that is not there yet is made in the nearest one that is."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK | os.X_OK)


def is_externally_managed() -> bool:
    """PEP 668: the system's own package tool owns this environment."""
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and os.path.exists(marker)


def origin_of(module: str) -> str | None:
    """Where an import would find the module, also where no distribution brought it."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or []), None)


def main() -> None:
    site_packages = sysconfig.get_path("platlib")
    facts = {
        "executable": sys.executable,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "platform": f"{sys.platform}_{platform.machine()}",
        "site_packages": site_packages,
        "writable": is_writable(site_packages),
        "externally_managed": is_externally_managed(),
        "pip": importlib.util.find_spec("pip") is not None,
        "owners": owners_of(MODULES),
        "pegaflow_at": origin_of("pegaflow"),
    }
    sys.stdout.write(f"\n{json.dumps(facts)}\n")


if __name__ == "__main__":
    main()

"""Which weights an engine computes with, told by what is in their files, never by where they lie.

Where that can't be told, the name is one that only this process has: nothing is shared and nothing
is found again after a restart, but nothing wrong is ever read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from concurrent.futures import ThreadPoolExecutor

from pegaflow.identity.digest_cache import DigestCache, default_cache_path
from pegaflow.identity.facts import WeightsSource
from pegaflow.identity.file_digest import digest_file
from pegaflow.identity.model_folder import find_model

logger = logging.getLogger(__name__)

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".npz", ".ckpt", ".tensors")
_SHAPES_WEIGHTS = (
    "config.json",
    "params.json",
    "hf_quant_config.json",
    "quantize_config.json",
    "quant_config.json",
)
_CODE = (".py",)
_READERS = 8


def name_weights(
    source: WeightsSource, weights_id: str | None, cache_path: str | None = None
) -> str:
    """The value of the identity's field. Reads files: call it once, off vLLM's threads."""
    if weights_id is not None:
        return f"named:{weights_id}"
    if source.load_format == "dummy":
        return f"dummy:{source.config_digest}"
    reason = "they are loaded from a place that can't be read here"
    if source.code_elsewhere:
        reason = "the model's code comes from another repository, in a state that is not known"
    elif not source.remote:
        digest = _digest_of_found(source, cache_path)
        if digest is not None:
            return f"files:{digest}"
        reason = f"no weights of {source.model!r} were found on this machine"
    logger.warning(
        "pega: what the model's weights are is not known: %s. Blocks are kept for this run of this "
        "engine only: another engine does not share them, a restart does not find them. Give the "
        "setting weights_id a name that you change whenever the weights change.",
        reason,
    )
    return f"private:{secrets.token_hex(16)}"


def weights_digest(model: str, cache_path: str | None = None) -> str:
    """Hex, of the model in a folder or a file. Raises OSError, also where it has no weights."""
    paths = _files_of(model)
    cache = DigestCache(cache_path if cache_path is not None else default_cache_path())
    with ThreadPoolExecutor(_READERS, thread_name_prefix="pega-weights") as readers:
        digests = list(readers.map(lambda path: cache.digest(path, digest_file), paths))
    cache.save()
    whole = hashlib.sha256()
    for path, digest in zip(paths, digests, strict=True):
        name = os.path.basename(path) if os.path.isdir(model) else "model"
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()


def _digest_of_found(source: WeightsSource, cache_path: str | None) -> str | None:
    model = find_model(source)
    if model is None:
        return None
    try:
        return weights_digest(model, cache_path)
    except OSError as error:
        logger.warning("pega: the files of the weights can't be read: %s", error)
        return None


def _files_of(model: str) -> list[str]:
    """Everything that has to do with what the model computes, by name; tokenizers don't."""
    if os.path.isfile(model):
        return [os.path.realpath(model)]
    names = sorted(
        entry.name
        for entry in os.scandir(model)
        if entry.is_file()
        and (entry.name.endswith((*_WEIGHTS, *_CODE)) or entry.name in _SHAPES_WEIGHTS)
    )
    if not any(name.endswith(_WEIGHTS) for name in names):
        raise FileNotFoundError(f"{model} has no file of weights ({', '.join(_WEIGHTS)})")
    return [os.path.join(os.path.abspath(model), name) for name in names]

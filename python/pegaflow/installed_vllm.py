"""What the installed vLLM is and offers: its version, the facts of this engine, hashes, requests.

The places where the versions 0.24 to 0.32 differ are here and in identity/config_fields.py and
identity/refusals.py, each with the versions beside it. Used by the connector; decides nothing.
"""

from __future__ import annotations

import logging
import os
import re
import time
from typing import Any

import torch
import vllm
from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core import kv_cache_utils

from pegaflow.errors import PegaError
from pegaflow.identity.config_fields import config_fields, weights_source
from pegaflow.identity.facts import VllmFacts, WeightsSource
from pegaflow.identity.fields import digest_text
from pegaflow.identity.refusals import reason_to_refuse

logger = logging.getLogger(__name__)

_OLDEST = (0, 24)
_NEWEST_TESTED = (0, 32)


def check_version(version: str) -> None:
    """Raises RuntimeError for a vLLM that is too old; warns of one that is newer than the tests."""
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None or version.startswith(("0.0.", "0.1.dev")):  # built from source without tags
        logger.warning("pega: vLLM says that it is %r, which tells nothing of its age", version)
        return
    found = (int(match[1]), int(match[2]))
    if found < _OLDEST:
        raise RuntimeError(
            f"pega: this is vLLM {version}; required is 0.24 or newer. Install a newer vLLM, or "
            "take PegaKVConnector out of --kv-transfer-config."
        )
    if found > _NEWEST_TESTED:
        logger.warning(
            "pega: this is vLLM %s; the newest that was tested is 0.32. If something is wrong, "
            "take PegaKVConnector out of --kv-transfer-config.",
            version,
        )


def read_facts(vllm_config: Any, kv_cache_config: Any) -> VllmFacts:
    """In every process of an engine. Never raises: what can't be read is a reason to stay off."""
    try:
        reason = reason_to_refuse(vllm_config, kv_cache_config)
        if reason is None:
            return _read_facts(vllm_config, kv_cache_config)
    except Exception as error:
        logger.exception("pega: vLLM's configuration is not as expected")
        reason = f"vLLM's configuration can't be read ({type(error).__name__}: {error})"
    return _facts_of_refused(vllm_config, reason)


def _read_facts(vllm_config: Any, kv_cache_config: Any) -> VllmFacts:
    parallel = vllm_config.parallel_config
    cache = vllm_config.cache_config
    spec = kv_cache_config.kv_cache_groups[0].kv_cache_spec
    return VllmFacts(
        version=vllm.__version__,
        run_id=vllm_config.kv_transfer_config.engine_id,
        block_tokens=spec.block_size,
        hash_bytes=len(get_hash_fn_by_name(cache.prefix_caching_hash_algo)("pega")),
        rank_count=parallel.tensor_parallel_size * parallel.pipeline_parallel_size,
        rank=parallel.rank,
        step_tokens=vllm_config.scheduler_config.max_num_batched_tokens,
        prefix_caching=cache.enable_prefix_caching,
        pipeline_parallel=parallel.pipeline_parallel_size > 1,
        moe_data_parallel=parallel.data_parallel_size > 1 and vllm_config.model_config.is_moe,
        device_kind=vllm_config.device_config.device_type,
        weights=weights_source(vllm_config),
        identity_fields={
            **config_fields(vllm_config, spec),
            "torch": torch.__version__,
        },
        hash_seed_random=hash_seed_is_random(cache.prefix_caching_hash_algo),
        unsupported=None,
    )


def _facts_of_refused(vllm_config: Any, reason: str) -> VllmFacts:
    """Enough to answer vLLM's hooks with nothing."""
    parallel = vllm_config.parallel_config
    return VllmFacts(
        version=vllm.__version__,
        run_id=vllm_config.kv_transfer_config.engine_id,
        block_tokens=vllm_config.cache_config.block_size,
        hash_bytes=32,
        rank_count=parallel.tensor_parallel_size * parallel.pipeline_parallel_size,
        rank=parallel.rank,
        step_tokens=0,
        prefix_caching=False,
        pipeline_parallel=False,
        moe_data_parallel=False,
        device_kind=vllm_config.device_config.device_type,
        weights=WeightsSource(model=vllm_config.model_config.model, remote=True),
        identity_fields={},
        hash_seed_random=False,
        unsupported=reason,
    )


def hash_seed_is_random(algorithm: str) -> bool:
    """Whether vLLM hashes from another seed in each process."""
    resolve = getattr(kv_cache_utils, "resolve_none_hash_seed", None)
    if resolve is None:  # to 0.28: random unless PYTHONHASHSEED is set
        return "PYTHONHASHSEED" not in os.environ
    # From 0.29 on: random for xxhash and xxhash_cbor only, and not if PYTHONHASHSEED is set.
    hash_function = get_hash_fn_by_name(algorithm)
    return bool(resolve(hash_function) != resolve(hash_function))


def warn_of_random_hash_seed(facts: VllmFacts) -> None:
    """For the scheduler side, once."""
    if facts.hash_seed_random:
        logger.warning(
            "pega: vLLM %s starts its block hashes from a random seed, so that other engines don't "
            "share this engine's blocks and a restart doesn't find them. Set PYTHONHASHSEED=0, the "
            "same for all engines.",
            facts.version,
        )


def name_hash_seed(patience_s: float = 2.0) -> str:
    """A digest of where this EngineCore's block hashes start.

    vLLM chooses that right after it has given its connector the ranks' handshakes
    (v1/engine/core.py: init_none_hash) and tells nobody, so this looks for it, on a thread that is
    not vLLM's. Raises PegaError.
    """
    until_s = time.monotonic() + patience_s
    while True:
        none_hash = getattr(kv_cache_utils, "NONE_HASH", None)
        if none_hash is not None:
            return digest_text(bytes(none_hash).hex())
        if time.monotonic() >= until_s:
            raise PegaError("PEGA_NOT_FOUND", "vLLM has no seed of its block hashes yet")
        time.sleep(0.005)


def hash_of_block(block: Any) -> bytes | None:
    """Of a KVCacheBlock, as Request.block_hashes has it: without the number of its group."""
    keyed = block.block_hash
    return None if keyed is None else bytes(kv_cache_utils.get_block_hash(keyed))


def reason_to_bypass(request: Any) -> str | None:
    """Why a request is served without pega: its KV depends on what its block hashes don't tell."""
    if request.lora_request is not None:
        return "lora"  # the hash has the adapter's name only
    if request.mm_features:
        return "multimodal"  # the hash has an identifier that the user may give
    if request.prompt_embeds is not None:
        return "prompt_embeds"
    if request.resumable:
        return "resumable"  # tokens are added, and the last one taken back
    pooling = request.pooling_params
    if pooling is not None and pooling.extra_kwargs:
        return "pooling_inputs"  # token types
    return None


def current_stream(gpu: int) -> int:
    """What the calling thread computes on, as a CUstream."""
    return int(torch.cuda.current_stream(gpu).cuda_stream)


def describe_attention(vllm_config: Any) -> str:
    """What this worker's layers took for their attention: part of the layout's text.

    Once the model is loaded, so in register_kv_caches.
    """
    layers = vllm_config.compilation_config.static_forward_context.values()
    kinds = sorted(
        {
            f"{layer.get_attn_backend().get_name()} {getattr(layer, 'kv_cache_dtype', '?')}"
            for layer in layers
            if hasattr(layer, "get_attn_backend")
        }
    )
    return "; ".join(
        [", ".join(kinds) or "attention not known", _order_in_block(vllm_config), _device_name()]
    )


def _order_in_block(vllm_config: Any) -> str:
    """Of tokens, heads and layers; the bytes of a block alone don't tell it."""
    resolved = getattr(vllm_config.cache_config, "kv_cache_layout", None)  # 0.29 and newer
    if resolved is not None:
        return str(getattr(resolved, "name", resolved))
    from vllm.v1.attention.backends import utils

    ask = getattr(utils, "get_kv_cache_layout", None)  # to 0.28
    return str(ask()) if ask is not None else "order not known"


def _device_name() -> str:
    """The kind of device, which may decide between kernels; not which one it is."""
    from vllm.platforms import current_platform

    index = torch.cuda.current_device() if current_platform.is_cuda_alike() else 0
    return str(current_platform.get_device_name(index))

"""The part of the identity that vLLM's configuration tells, and where it says the weights are.

Reads the attributes of vLLM's objects and imports nothing of vLLM. An attribute that one of the
supported versions lacks is read with a default and has the versions beside it; the names of the
others are the same in 0.24, 0.26, 0.29 and 0.32.

What is left out on purpose, because it changes when a block is computed, or its last bits, but not
what it is: sizes of caches and batches, the scheduler, graphs and compilation, expert and data
parallelism, tokenizers, sampling, names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from pegaflow.identity.canonical import canonical_text
from pegaflow.identity.facts import WeightsSource
from pegaflow.identity.fields import digest_text

_READ_FROM_FILES = frozenset(
    (
        "auto",
        "bitsandbytes",
        "dummy",
        "fastsafetensors",
        "gguf",
        "hf",
        "instanttensor",
        "mistral",
        "npcache",
        "pt",
        "runai_streamer",
        "safetensors",
        "sharded_state",
    )
)
"""Load formats whose weights are files in the model's folder; another may come from anywhere."""

_NOT_OF_THE_MODEL = frozenset(("_name_or_path", "name_or_path", "_commit_hash"))
"""Entries of a Hugging Face configuration that say where it was found."""

_ROPE_WITHOUT_LENGTH = frozenset(("default", "linear", "llama3", "mrope", "yarn"))
"""Kinds of rotary embedding that don't look at max_model_len; longrope does (0.24 to 0.32:
model_executor/layers/rotary_embedding/phi3_long_rope_scaled_rope.py), others might."""


def config_fields(vllm_config: Any, kv_cache_spec: Any) -> dict[str, str]:
    model = vllm_config.model_config
    cache = vllm_config.cache_config
    parallel = vllm_config.parallel_config
    hf_config = hf_config_as_dict(model.hf_config)
    fields = {
        "architecture": ",".join(hf_config.get("architectures") or ()),
        "model_config": digest_text(canonical_text(hf_config)),
        "model_code": _model_code(model),
        "dtype": str(model.dtype),
        "quantization": _quantization(vllm_config),
        "kv_dtype": _kv_dtype(cache, kv_cache_spec),
        "kv_spec": f"{type(kv_cache_spec).__name__} {digest_text(canonical_text(kv_cache_spec))}",
        "attention": _attention(vllm_config),
        "topology": (
            f"tp {parallel.tensor_parallel_size}, pp {parallel.pipeline_parallel_size}, "
            f"dcp {parallel.decode_context_parallel_size}, "
            f"pcp {parallel.prefill_context_parallel_size}"
        ),
        "hash_algorithm": str(cache.prefix_caching_hash_algo),
    }
    if not set(_rope_types(hf_config)) <= _ROPE_WITHOUT_LENGTH:
        fields["max_model_len"] = str(model.max_model_len)
    options = canonical_text(
        [vllm_config.additional_config, vllm_config.load_config.model_loader_extra_config]
    )
    if options != canonical_text([{}, {}]):
        fields["options"] = digest_text(options)
    return fields


def weights_source(vllm_config: Any, environment: Mapping[str, str] = os.environ) -> WeightsSource:
    model = vllm_config.model_config
    load = vllm_config.load_config
    load_format = str(load.load_format)
    # Where the weights were pulled from, if `model` is then a folder with the rest of the files.
    pulled_from = str(model.model_weights or "")
    modelscope = environment.get("VLLM_USE_MODELSCOPE", "").lower() in ("1", "true")
    remote = (
        load_format not in _READ_FROM_FILES
        or pulled_from not in ("", model.model)
        or (modelscope and not os.path.exists(model.model))
    )
    hf_config = hf_config_as_dict(model.hf_config)
    return WeightsSource(
        model=model.model,
        revision=getattr(model.hf_config, "_commit_hash", None) or model.revision,
        load_format=load_format,
        download_folder=load.download_dir,
        remote=remote,
        code_elsewhere=bool(model.trust_remote_code) and _code_elsewhere(hf_config),
        config_digest=digest_text(canonical_text(hf_config)),
    )


def hf_config_as_dict(hf_config: Any) -> dict[str, Any]:
    """As it is after overrides (hf_overrides), without what says where it lies."""
    return {
        str(key): _without_places(value)
        for key, value in hf_config.to_dict().items()
        if key not in _NOT_OF_THE_MODEL
    }


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_places(item)
            for key, item in value.items()
            if key not in _NOT_OF_THE_MODEL
        }
    return value


def _model_code(model: Any) -> str:
    """Which implementation computes: vLLM's own, Transformers', or one that the operator names."""
    classes = getattr(model, "model_class_overrides", {})  # 0.32
    return canonical_text(
        {
            "convert": model.convert,
            "impl": model.model_impl,
            "runner": model.runner_type,
            "trust_remote_code": model.trust_remote_code,
            "classes": classes,
            "attention_dtype": getattr(model, "override_attention_dtype", None),  # to 0.26
            "disable_sliding_window": model.disable_sliding_window,
        }
    )


def _quantization(vllm_config: Any) -> str:
    """Of the weights; what the checkpoint says of it is in its configuration and files."""
    model = vllm_config.model_config
    if model.quantization is None:
        return "none"
    return f"{model.quantization} {canonical_text(model.quantization_config)}"


def _kv_dtype(cache: Any, spec: Any) -> str:
    """ "auto" is settled in the spec."""
    dtype = getattr(spec, "dtype", "?")
    skipped = ",".join(sorted(map(str, cache.kv_cache_dtype_skip_layers)))
    return f"{cache.cache_dtype} as {dtype}" + (f" but in {skipped}" if skipped else "")


def _attention(vllm_config: Any) -> str:
    """As configured; what each rank took is in its layout (installed_vllm.describe_attention)."""
    attention = vllm_config.attention_config
    order = getattr(vllm_config.cache_config, "kv_cache_layout", None) or "any order"  # from 0.29
    backend = getattr(attention.backend, "name", attention.backend) or "auto"
    return f"{backend}, {order}, {digest_text(canonical_text(attention))}"


def _rope_types(hf_config: Any) -> Iterator[str]:
    """rope_scaling in transformers 4; rope_parameters in 5, also one for each kind of layer."""
    if not isinstance(hf_config, Mapping):
        return
    for key, value in hf_config.items():
        if key in ("rope_scaling", "rope_parameters") and isinstance(value, Mapping):
            yield from _rope_types_within(value)
        else:
            yield from _rope_types(value)


def _rope_types_within(parameters: Mapping[str, Any]) -> Iterator[str]:
    kind = parameters.get("rope_type", parameters.get("type"))
    if kind is not None:
        yield str(kind)
    for value in parameters.values():
        if isinstance(value, Mapping):
            yield from _rope_types_within(value)


def _code_elsewhere(hf_config: Mapping[str, Any]) -> bool:
    """auto_map names "repository--module.Class" where the code is not in the model's own folder."""
    return "--" in canonical_text(hf_config.get("auto_map") or {})

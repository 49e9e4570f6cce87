"""Why the blocks of an engine can't be kept, where they can't: the connector stays off and says so.

Either the connector can't find its way in such a cache yet, or a block's bytes depend on more than
its tokens and the identity. Reads vLLM's objects and imports nothing of vLLM, as config_fields.py
does.
"""

from __future__ import annotations

from typing import Any

_FULL_ATTENTION = ("FullAttentionSpec", "MLAAttentionSpec")
"""Exactly these: classes made from them keep other things in a block."""

_QUANT_MODES = ("NONE", "FP8_PER_TENSOR")
"""Of the KV cache; the scales of FP8 are part of the checkpoint."""

_DRAFTS_WITHOUT_KV = ("ngram", "ngram_gpu", "suffix")
"""Methods of speculative decoding that look drafts up in the text, without layers of their own."""


def reason_to_refuse(vllm_config: Any, kv_cache_config: Any) -> str | None:
    """One sentence: what was found and what is required."""
    for find in (_in_model, _in_cache, _in_parallelism, _in_scheduling, _in_speculation):
        reason = find(vllm_config, kv_cache_config)
        if reason is not None:
            return reason
    return None


def _in_model(vllm_config: Any, _kv_cache_config: Any) -> str | None:
    model = vllm_config.model_config
    if model.is_encoder_decoder:
        return "the model is an encoder-decoder; required is a decoder"
    if not model.disable_cascade_attn:
        # vLLM tells by a block's references how many requests share it; ours would count too.
        return "cascade attention is on (--no-disable-cascade-attn); required is its default, off"
    if model.is_diffusion:
        return "the model rewrites its tokens (diffusion); required is one that only appends"
    if model.enable_sleep_mode:
        # Asleep, a GPU's KV cache has no memory behind its addresses, whatever copies there.
        return "sleep mode is on (--enable-sleep-mode); required is its default, off"
    # Gone from 0.29 on.
    if getattr(vllm_config.cache_config, "calculate_kv_scales", False):
        return (
            "--calculate-kv-scales takes the scales of the KV cache from the first requests, "
            "so that each engine has its own; required are scales of the checkpoint"
        )
    return None


def _in_cache(vllm_config: Any, kv_cache_config: Any) -> str | None:
    groups = kv_cache_config.kv_cache_groups
    if len(groups) != 1:
        kinds = ", ".join(sorted({type(group.kv_cache_spec).__name__ for group in groups}))
        return (
            f"the model has {len(groups)} groups of KV-cache layers ({kinds or 'none'}); required "
            "is one, of full attention or MLA"
        )
    (group,) = groups
    # 0.29 and newer, 0.32
    if not getattr(group, "enable_kv_transfer", True) or getattr(group, "host_resident", False):
        return "vLLM keeps this model's KV cache from connectors"
    return _in_spec(group.kv_cache_spec) or _in_block(vllm_config, group.kv_cache_spec)


def _in_spec(spec: Any) -> str | None:
    kind = type(spec).__name__
    if kind not in _FULL_ATTENTION:
        return f"the KV cache is of kind {kind}; required is one of {', '.join(_FULL_ATTENTION)}"
    if spec.non_causal:
        return "a token's KV depends on later tokens (non-causal attention); required is causal"
    # To 0.26 and from 0.29 on; on MLA only, where it is to 0.26.
    if getattr(spec, "compress_ratio", 1) != 1 or getattr(spec, "tokens_per_state", 1) != 1:
        return "the KV cache has less than one entry a token; required is one"
    mode = spec.kv_quant_mode.name
    if mode not in _QUANT_MODES:
        return f"the KV cache is quantized as {mode}; required is one of {', '.join(_QUANT_MODES)}"
    return None


def _in_block(vllm_config: Any, spec: Any) -> str | None:
    configured = vllm_config.cache_config.block_size
    if spec.block_size != configured:
        return (
            f"blocks have {spec.block_size} tokens and their hashes {configured}; required are "
            "equal numbers"
        )
    return None


def _in_parallelism(vllm_config: Any, _kv_cache_config: Any) -> str | None:
    parallel = vllm_config.parallel_config
    context_ranks = parallel.decode_context_parallel_size * parallel.prefill_context_parallel_size
    if context_ranks > 1:
        return f"the context is split over {context_ranks} ranks; required is 1"
    if parallel.nnodes > 1:
        return f"the engine's ranks are on {parallel.nnodes} hosts; required is one host"
    if parallel.distributed_executor_backend == "external_launcher":
        return "each rank schedules by itself (external_launcher); required is one scheduler"
    ranks = parallel.tensor_parallel_size * parallel.pipeline_parallel_size
    if ranks > 64:
        return f"the engine has {ranks} ranks; required are at most 64"
    return None


def _in_scheduling(vllm_config: Any, _kv_cache_config: Any) -> str | None:
    if vllm_config.scheduler_config.policy == "priority":
        # vLLM may preempt a request in the schedule() that admitted it: its blocks keep the hashes
        # of tokens that were never computed, and would be stored under them.
        return "scheduling is by priority (--scheduling-policy); required is fcfs"
    return None


def _in_speculation(vllm_config: Any, _kv_cache_config: Any) -> str | None:
    speculation = vllm_config.speculative_config
    if speculation is None or speculation.method in _DRAFTS_WITHOUT_KV:
        return None
    return (
        f"speculative decoding with {speculation.method!r} keeps KV of its draft in the same "
        "blocks, which depends on later tokens; required is none, or one of "
        f"{', '.join(_DRAFTS_WITHOUT_KV)}"
    )

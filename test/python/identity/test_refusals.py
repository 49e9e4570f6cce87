"""Engines whose blocks can't be kept: each is refused with a sentence that names what was found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pegaflow.identity.refusals import reason_to_refuse
from support.vllm_configuration import (
    MLAAttentionSpec,
    SlidingWindowSpec,
    attention_spec,
    kv_cache_config,
    vllm_configuration,
)


class TQFullAttentionSpec(SimpleNamespace):
    pass


def quantized(mode: str) -> Any:
    return attention_spec(kv_quant_mode=SimpleNamespace(name=mode))


@pytest.mark.parametrize(
    "spec",
    [
        attention_spec(),
        attention_spec(MLAAttentionSpec, compress_ratio=1),
        attention_spec(MLAAttentionSpec, tokens_per_state=1),
        attention_spec(sliding_window=4096),  # kept whole: vLLM's hybrid manager is off
        quantized("FP8_PER_TENSOR"),
    ],
)
def test_what_is_supported(spec: Any) -> None:
    assert reason_to_refuse(vllm_configuration(), kv_cache_config(spec)) is None


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        ((attention_spec(), attention_spec(SlidingWindowSpec)), "2 groups of KV-cache layers"),
        ((attention_spec(SlidingWindowSpec),), "SlidingWindowSpec"),
        ((attention_spec(TQFullAttentionSpec),), "TQFullAttentionSpec"),
        ((attention_spec(non_causal=True),), "non-causal"),
        ((attention_spec(MLAAttentionSpec, compress_ratio=4),), "less than one entry a token"),
        ((attention_spec(MLAAttentionSpec, tokens_per_state=4),), "less than one entry a token"),
        ((quantized("INT4_PER_TOKEN_HEAD"),), "INT4_PER_TOKEN_HEAD"),
        ((quantized("NVFP4"),), "NVFP4"),
        ((attention_spec(block_size=32),), "blocks have 32 tokens and their hashes 16"),
    ],
)
def test_caches_that_are_refused(specs: tuple[Any, ...], found: str) -> None:
    reason = reason_to_refuse(vllm_configuration(), kv_cache_config(*specs))
    assert reason is not None
    assert found in reason
    assert "required" in reason
    assert "\n" not in reason


def test_a_model_without_kv_cache_is_refused() -> None:
    empty = SimpleNamespace(num_blocks=1, kv_cache_groups=[])
    assert "0 groups of KV-cache layers (none)" in str(
        reason_to_refuse(vllm_configuration(), empty)
    )


@pytest.mark.parametrize(
    ("attribute", "value"), [("enable_kv_transfer", False), ("host_resident", True)]
)
def test_a_cache_that_vllm_keeps_to_itself_is_refused(attribute: str, value: bool) -> None:
    config = kv_cache_config()
    setattr(config.kv_cache_groups[0], attribute, value)
    assert "keeps this model's KV cache" in str(reason_to_refuse(vllm_configuration(), config))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"model_config__is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_config__is_diffusion": True}, "diffusion"),
        ({"model_config__disable_cascade_attn": False}, "cascade attention"),
        ({"model_config__enable_sleep_mode": True}, "sleep mode"),
        ({"cache_config__calculate_kv_scales": True}, "--calculate-kv-scales"),
        ({"parallel_config__decode_context_parallel_size": 2}, "split over 2 ranks"),
        ({"parallel_config__prefill_context_parallel_size": 2}, "split over 2 ranks"),
        ({"parallel_config__nnodes": 2}, "on 2 hosts"),
        (
            {"parallel_config__distributed_executor_backend": "external_launcher"},
            "external_launcher",
        ),
        ({"parallel_config__tensor_parallel_size": 65}, "65 ranks"),
        ({"scheduler_config__policy": "priority"}, "by priority"),
        ({"speculative_config": SimpleNamespace(method="eagle3")}, "'eagle3'"),
        ({"speculative_config": SimpleNamespace(method="mtp")}, "'mtp'"),
        ({"speculative_config": SimpleNamespace(method="draft_model")}, "'draft_model'"),
    ],
)
def test_engines_that_are_refused(changes: dict[str, Any], found: str) -> None:
    reason = reason_to_refuse(vllm_configuration(**changes), kv_cache_config())
    assert reason is not None
    assert found in reason


def test_drafts_without_kv_are_supported() -> None:
    for method in ("ngram", "ngram_gpu", "suffix"):
        config = vllm_configuration(speculative_config=SimpleNamespace(method=method))
        assert reason_to_refuse(config, kv_cache_config()) is None


def test_versions_without_the_setting_have_no_scales_of_their_own() -> None:
    config = vllm_configuration()
    del config.cache_config.calculate_kv_scales
    assert reason_to_refuse(config, kv_cache_config()) is None

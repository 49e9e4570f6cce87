"""What is read out of the vLLM that runs these tests, with its own configuration and objects."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import vllm
from vllm import SamplingParams
from vllm.utils.hashing import get_hash_fn_by_name
from vllm.v1.core import kv_cache_utils
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.kv_cache_interface import (
    KVCacheConfig,
    KVCacheGroupSpec,
    SlidingWindowSpec,
)
from vllm.v1.request import Request

from pegaflow.errors import PegaError
from pegaflow.identity.fields import RankLayout, describe_identity
from pegaflow.installed_vllm import (
    check_version,
    describe_attention,
    hash_of_block,
    hash_seed_is_random,
    name_hash_seed,
    read_facts,
    reason_to_bypass,
    warn_of_random_hash_seed,
)

OTHER_PROCESS = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from with_vllm.engine_configuration import read_all
print("FIELDS", json.dumps(read_all(sys.argv[2]), sort_keys=True))
"""


@pytest.mark.parametrize("version", ["0.24.0", "0.26.1", "0.32.0", "0.32.0+cpu", "0.24.0rc1"])
def test_versions_that_are_supported(version: str, caplog: pytest.LogCaptureFixture) -> None:
    check_version(version)
    assert caplog.text == ""


@pytest.mark.parametrize("version", ["0.23.0", "0.9.2", "0.1.0"])
def test_older_versions_are_refused_by_name(version: str) -> None:
    with pytest.raises(RuntimeError, match=rf"vLLM {version}; required is 0\.24 or newer"):
        check_version(version)


@pytest.mark.parametrize("version", ["0.33.0", "1.0.0", "0.1.dev5+gabc", "unknown"])
def test_what_was_never_tested_gets_a_warning(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    check_version(version)
    assert version in caplog.text


def test_this_version_is_one_of_them() -> None:
    check_version(vllm.__version__)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from with_vllm.engine_configuration import make_configuration, write_model

    model = write_model(tmp_path_factory.mktemp("model"))
    return make_configuration(str(model))


def one_group(configuration: Any, **changes: Any) -> KVCacheConfig:
    from with_vllm.engine_configuration import make_kv_cache_config

    return make_kv_cache_config(configuration, **changes)


def test_facts_of_an_engine(configuration: Any) -> None:
    facts = read_facts(configuration, one_group(configuration))
    assert facts.unsupported is None
    assert facts.version == vllm.__version__
    assert facts.run_id == configuration.kv_transfer_config.engine_id
    assert facts.block_tokens == configuration.cache_config.block_size
    assert facts.hash_bytes == 32
    assert (facts.rank, facts.rank_count) == (0, 1)
    assert facts.step_tokens == configuration.scheduler_config.max_num_batched_tokens
    assert facts.prefix_caching
    assert not facts.pipeline_parallel
    assert not facts.moe_data_parallel
    assert facts.device_kind == "cpu"
    assert facts.weights.model == configuration.model_config.model
    assert not facts.weights.remote
    assert facts.identity_fields["architecture"] == "LlamaForCausalLM"
    assert facts.identity_fields["dtype"] == "torch.bfloat16"
    assert facts.identity_fields["kv_dtype"] == "auto as torch.bfloat16"


def test_nothing_of_this_run_is_in_the_identity(configuration: Any) -> None:
    facts = read_facts(configuration, one_group(configuration))
    text = json.dumps(dict(facts.identity_fields))
    for of_this_run in (facts.run_id, configuration.model_config.model, str(os.getpid()), "0x"):
        assert of_this_run not in text


def test_another_process_with_the_model_elsewhere_reads_the_same(tmp_path: Path) -> None:
    """Two engines on one host, or one engine and its restart: the same fields to the letter."""
    from with_vllm.engine_configuration import write_model

    said = []
    for place, seed in (("a", "0"), ("b", "7")):
        folder = write_model(tmp_path / place / "model")
        told = subprocess.run(
            [sys.executable, "-c", OTHER_PROCESS, json.dumps(sys.path), str(folder)],
            cwd=tmp_path / place,
            env={**os.environ, "PYTHONHASHSEED": seed, "TMPDIR": str(tmp_path / place)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        said.append(next(line for line in told.splitlines() if line.startswith("FIELDS")))
    assert said[0] == said[1]
    assert '"weights": "files:' in said[0]


def test_overrides_of_the_models_configuration_are_seen(configuration: Any) -> None:
    from with_vllm.engine_configuration import make_configuration

    overridden = make_configuration(
        configuration.model_config.model,
        hf_overrides={"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}},
    )
    before = read_facts(configuration, one_group(configuration))
    after = read_facts(overridden, one_group(overridden))
    assert after.unsupported is None
    assert before.identity_fields["model_config"] != after.identity_fields["model_config"]
    others = set(before.identity_fields) - {"model_config"}
    assert all(before.identity_fields[key] == after.identity_fields[key] for key in others)


def test_a_sliding_window_is_refused(configuration: Any) -> None:
    spec = SlidingWindowSpec(
        block_size=configuration.cache_config.block_size,
        num_kv_heads=2,
        head_size=64,
        dtype=torch.bfloat16,
        sliding_window=128,
    )
    config = KVCacheConfig(10, [], [KVCacheGroupSpec(["a"], spec)])
    facts = read_facts(configuration, config)
    assert facts.unsupported is not None
    assert "SlidingWindowSpec" in facts.unsupported
    assert facts.rank_count == 1


def test_a_quantized_cache_of_an_untested_kind_is_refused(configuration: Any) -> None:
    mode = kv_cache_mode("int8_per_token_head")
    facts = read_facts(configuration, one_group(configuration, kv_quant_mode=mode))
    assert "INT8_PER_TOKEN_HEAD" in str(facts.unsupported)


def kv_cache_mode(name: str) -> Any:
    from vllm.v1.kv_cache_interface import get_kv_quant_mode

    return get_kv_quant_mode(name)


def test_a_configuration_that_cannot_be_read_is_refused(
    configuration: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As a vLLM of the future may have it: the engine starts, without pega."""
    facts = read_facts(configuration, SimpleNamespace())
    assert "can't be read" in str(facts.unsupported)
    assert "kv_cache_groups" in caplog.text


def test_the_hash_seed_is_known_once_vllm_has_chosen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    monkeypatch.delattr(kv_cache_utils, "NONE_HASH", raising=False)
    with pytest.raises(PegaError, match="no seed"):
        name_hash_seed(patience_s=0)
    init_none_hash(get_hash_fn_by_name("sha256"))
    first = name_hash_seed()
    init_none_hash(get_hash_fn_by_name("sha256"))
    assert name_hash_seed() == first
    monkeypatch.setenv("PYTHONHASHSEED", "6")
    init_none_hash(get_hash_fn_by_name("sha256"))
    assert name_hash_seed() != first


@pytest.mark.parametrize("algorithm", ["sha256", "sha256_cbor", "xxhash", "xxhash_cbor"])
@pytest.mark.parametrize("seed", ["3", None])
def test_a_random_hash_seed_is_foretold(
    algorithm: str, seed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against what vLLM then does."""
    monkeypatch.delattr(kv_cache_utils, "NONE_HASH", raising=False)
    if seed is None:
        monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    else:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
    foretold = hash_seed_is_random(algorithm)

    def hash_function(value: Any) -> bytes:
        raise AssertionError(value)

    function = hash_function_or_none(algorithm)
    if function is None:
        # The library is not installed: vLLM could not start with it. The seed alone is looked at.
        assert foretold == (seed is None)
        return
    seeds = set()
    for _ in range(2):
        init_none_hash(function)
        seeds.add(name_hash_seed())
    assert foretold == (len(seeds) == 2)


def hash_function_or_none(algorithm: str) -> Any:
    function = get_hash_fn_by_name(algorithm)
    try:
        function("x")
    except ModuleNotFoundError:
        return None
    return function


def test_the_warning_says_what_follows(
    configuration: Any, caplog: pytest.LogCaptureFixture
) -> None:
    facts = read_facts(configuration, one_group(configuration))
    warn_of_random_hash_seed(replace(facts, hash_seed_random=False))
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING):
        warn_of_random_hash_seed(replace(facts, hash_seed_random=True))
    assert "a restart doesn't find them" in caplog.text
    assert "PYTHONHASHSEED=0" in caplog.text


def request(**changes: Any) -> Request:
    hasher = get_request_block_hasher(16, get_hash_fn_by_name("sha256"))
    init_none_hash(get_hash_fn_by_name("sha256"))
    arguments = {
        "request_id": "r",
        "prompt_token_ids": list(range(40)),
        "sampling_params": SamplingParams(max_tokens=1),
        "pooling_params": None,
        "block_hasher": hasher,
    }
    return Request(**{**arguments, **changes})


def test_a_plain_request_is_served() -> None:
    assert reason_to_bypass(request()) is None
    assert reason_to_bypass(request(cache_salt="salt")) is None
    logprobs = request(sampling_params=SamplingParams(max_tokens=1, prompt_logprobs=1))
    assert logprobs.skip_reading_prefix_cache
    assert reason_to_bypass(logprobs) is None


def test_requests_that_pass_by() -> None:
    from vllm.lora.request import LoRARequest

    lora = request(lora_request=LoRARequest("adapter", 1, "/somewhere"))
    assert reason_to_bypass(lora) == "lora"
    embeds = request(prompt_token_ids=None, prompt_embeds=torch.zeros(40, 4), block_hasher=None)
    assert reason_to_bypass(embeds) == "prompt_embeds"
    assert reason_to_bypass(request(resumable=True)) == "resumable"
    seen = request(block_hasher=None, mm_features=[SimpleNamespace(identifier="image")])
    assert reason_to_bypass(seen) == "multimodal"


def test_the_hash_of_a_block_is_the_requests() -> None:
    asked = request()
    assert len(asked.block_hashes) == 2
    block = kv_cache_utils.KVCacheBlock(block_id=3)
    assert hash_of_block(block) is None
    block.set_block_hash(kv_cache_utils.make_block_hash_with_group_id(asked.block_hashes[1], 0))
    assert hash_of_block(block) == asked.block_hashes[1]


def test_the_attention_of_a_worker(configuration: Any) -> None:
    class Backend:
        @staticmethod
        def get_name() -> str:
            return "CPU_ATTN"

    layers = {
        f"layers.{number}": SimpleNamespace(get_attn_backend=lambda: Backend, kv_cache_dtype="auto")
        for number in range(2)
    }
    layers["mlp"] = SimpleNamespace()
    found = SimpleNamespace(
        compilation_config=SimpleNamespace(static_forward_context=layers),
        cache_config=configuration.cache_config,
    )
    text = describe_attention(found)
    assert text.startswith("CPU_ATTN auto; ")
    assert text == describe_attention(found)
    assert "0x" not in text


def test_the_identity_of_a_real_engine_fits_the_wire(configuration: Any) -> None:
    facts = read_facts(configuration, one_group(configuration))
    found = describe_identity(
        facts, [RankLayout(1, "x" * 600)], weights="w", weights_epoch="0", hash_seed="s"
    )
    assert len(found.fields) <= 64
    assert all(0 < len(key) <= 64 for key in found.fields)
    assert all(len(value) <= 512 for value in found.fields.values())

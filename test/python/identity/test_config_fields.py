"""What of vLLM's configuration makes another identity, what does not; where weights come from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pegaflow.identity.config_fields import config_fields, weights_source
from support.vllm_configuration import HfConfig, attention_spec, vllm_configuration


def fields(spec: Any = None, **changes: Any) -> dict[str, str]:
    return config_fields(vllm_configuration(**changes), spec or attention_spec())


def hf_config(**changes: Any) -> HfConfig:
    same = vllm_configuration().model_config.hf_config.to_dict()
    return HfConfig(**{**same, **changes})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model_config__dtype": "torch.float16"}, "dtype"),
        ({"model_config__quantization": "fp8"}, "quantization"),
        ({"model_config__hf_config": hf_config(hidden_size=65)}, "model_config"),
        (
            {"model_config__hf_config": hf_config(rope_parameters={"rope_theta": 5e5})},
            "model_config",
        ),
        ({"model_config__hf_config": hf_config(architectures=["Own"])}, "architecture"),
        ({"model_config__model_impl": "transformers"}, "model_code"),
        ({"model_config__trust_remote_code": True}, "model_code"),
        ({"model_config__model_class_overrides": {"A": "b:C"}}, "model_code"),
        ({"model_config__override_attention_dtype": "float32"}, "model_code"),
        ({"cache_config__cache_dtype": "fp8_e5m2"}, "kv_dtype"),
        ({"cache_config__kv_cache_dtype_skip_layers": ["0"]}, "kv_dtype"),
        ({"cache_config__prefix_caching_hash_algo": "sha256_cbor"}, "hash_algorithm"),
        ({"cache_config__kv_cache_layout": "LBHNC"}, "attention"),
        ({"attention_config": SimpleNamespace(backend="FLASHINFER")}, "attention"),
        ({"parallel_config__tensor_parallel_size": 4}, "topology"),
        ({"parallel_config__pipeline_parallel_size": 2}, "topology"),
        ({"additional_config": {"a": 1}}, "options"),
        ({"load_config__model_loader_extra_config": {"a": 1}}, "options"),
    ],
)
def test_a_change_that_is_another_identity(changes: dict[str, Any], field: str) -> None:
    before, after = fields(), fields(**changes)
    assert before.get(field) != after[field]


def test_the_spec_counts() -> None:
    assert fields()["kv_dtype"] == "auto as torch.bfloat16"
    changed = fields(attention_spec(dtype="torch.float8_e4m3fn"))
    assert changed["kv_dtype"] == "auto as torch.float8_e4m3fn"
    assert fields(attention_spec(head_size=64))["kv_spec"] != fields()["kv_spec"]


@pytest.mark.parametrize(
    "changes",
    [
        {"model_config__model": "/else/where"},
        {"model_config__hf_config": hf_config(_name_or_path="/else/where", _commit_hash="c")},
        {"model_config__hf_config": hf_config(name_or_path="/else/where")},
        {"model_config__max_model_len": 2048},
        {"parallel_config__data_parallel_size": 2},
        {"parallel_config__rank": 1},
        {"cache_config__gpu_memory_utilization": 0.5},
        {"load_config__load_format": "safetensors"},
    ],
)
def test_a_change_that_is_the_same_identity(changes: dict[str, Any]) -> None:
    assert fields(**changes) == fields()


def test_where_a_nested_configuration_lies_does_not_count() -> None:
    first, second = (
        fields(model_config__hf_config=hf_config(text_config={"_name_or_path": path, "a": 1}))
        for path in ("/a", "/b")
    )
    assert first == second


@pytest.mark.parametrize(
    "entries",
    [
        {"rope_scaling": {"type": "longrope"}},
        {"rope_parameters": {"rope_type": "dynamic"}},
        {"rope_parameters": {"full_attention": {"rope_type": "never seen"}}},
        {"text_config": {"rope_scaling": {"rope_type": "longrope"}}},
    ],
)
def test_the_length_counts_where_the_rotary_embedding_looks_at_it(entries: Any) -> None:
    config = hf_config(**entries)
    short, long = (
        fields(model_config__hf_config=config, model_config__max_model_len=length)
        for length in (4096, 131072)
    )
    assert (short["max_model_len"], long["max_model_len"]) == ("4096", "131072")


@pytest.mark.parametrize("kind", ["default", "llama3", "linear", "yarn"])
def test_the_length_does_not_count_elsewhere(kind: str) -> None:
    config = hf_config(rope_parameters={"rope_type": kind})
    assert "max_model_len" not in fields(model_config__hf_config=config)


def test_weights_of_a_folder() -> None:
    source = weights_source(vllm_configuration(), {})
    assert source.model == "/models/a"
    assert not source.remote
    assert not source.code_elsewhere


@pytest.mark.parametrize(
    "changes",
    [
        {"load_config__load_format": "tensorizer"},
        {"load_config__load_format": "modelexpress"},
        {"load_config__load_format": "ipc_cache"},
        {"load_config__load_format": "somebodys_own"},
        {"model_config__model_weights": "s3://bucket/model"},
    ],
)
def test_weights_that_may_come_from_anywhere(changes: dict[str, Any]) -> None:
    assert weights_source(vllm_configuration(**changes), {}).remote


def test_modelscope_is_not_hugging_face() -> None:
    """The same name may be another model there."""
    config = vllm_configuration(model_config__model="some/name")
    assert weights_source(config, {"VLLM_USE_MODELSCOPE": "True"}).remote
    assert not weights_source(config, {"VLLM_USE_MODELSCOPE": "False"}).remote


def test_the_snapshot_is_that_of_the_configuration() -> None:
    config = vllm_configuration(model_config__revision="main")
    assert weights_source(config, {}).revision == "main"
    config.model_config.hf_config._commit_hash = "c0ffee"
    assert weights_source(config, {}).revision == "c0ffee"


def test_code_of_another_repository_is_not_known() -> None:
    elsewhere = hf_config(auto_map={"AutoModel": "some/repository--modeling.Model"})
    here = hf_config(auto_map={"AutoModel": "modeling.Model"})
    for config, trusted, unknown in (
        (elsewhere, True, True),
        (elsewhere, False, False),
        (here, True, False),
    ):
        found = vllm_configuration(
            model_config__hf_config=config, model_config__trust_remote_code=trusted
        )
        assert weights_source(found, {}).code_elsewhere == unknown


def test_dummy_weights_differ_with_the_configuration() -> None:
    first, same, other = (
        weights_source(vllm_configuration(model_config__hf_config=config), {}).config_digest
        for config in (
            hf_config(),
            hf_config(_name_or_path="/else/where"),
            hf_config(hidden_size=65),
        )
    )
    assert first == same != other

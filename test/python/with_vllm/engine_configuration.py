"""vLLM's own configuration of an engine with a small Llama, as its EngineCore gets it.

No engine runs. The model's folder holds a configuration and a few bytes for weights: enough to be
read and told apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec

from pegaflow.identity.fields import RankLayout, describe_identity
from pegaflow.identity.weights import name_weights
from pegaflow.installed_vllm import read_facts

_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 512,
    "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}


def write_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_LLAMA))
    (folder / "model.safetensors").write_bytes(b"some weights")
    return folder


def make_configuration(model: str, **arguments: Any) -> Any:
    return EngineArgs(
        model=model,
        skip_tokenizer_init=True,
        dtype="bfloat16",
        max_model_len=2048,
        enforce_eager=True,
        # Any connector of vLLM's own: it is named, never made.
        kv_transfer_config={"kv_connector": "ExampleConnector", "kv_role": "kv_both"},
        **arguments,
    ).create_engine_config()


def make_kv_cache_config(configuration: Any, **changes: Any) -> KVCacheConfig:
    spec = FullAttentionSpec(
        **{
            "block_size": configuration.cache_config.block_size,
            "num_kv_heads": 2,
            "head_size": 64,
            "dtype": torch.bfloat16,
            **changes,
        }
    )
    return KVCacheConfig(10, [], [KVCacheGroupSpec(["layers.0", "layers.1"], spec)])


def read_all(model: str) -> dict[str, str]:
    """The fields of the identity, as a process that begins here reads them."""
    configuration = make_configuration(model)
    facts = read_facts(configuration, make_kv_cache_config(configuration))
    assert facts.unsupported is None, facts.unsupported
    identity = describe_identity(
        facts,
        [RankLayout(4096, "layout")],
        weights=name_weights(facts.weights, None),
        weights_epoch="0",
        hash_seed="seed",
    )
    return dict(identity.fields)

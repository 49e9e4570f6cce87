"""What is known of the engine that this process belongs to, as plain values.

installed_vllm.py reads it out of vLLM's configuration, once, in every process of an engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmFacts:
    version: str
    run_id: str
    """kv_transfer_config.engine_id: the same in all processes of an engine, another in each run."""
    block_tokens: int
    hash_bytes: int
    rank_count: int
    """Tensor-parallel × pipeline-parallel."""
    rank: int
    """Of a worker: as vLLM numbers it, stage by stage of the pipeline. 0 on the scheduler side."""
    step_tokens: int
    """The most that vLLM schedules in one step."""
    prefix_caching: bool
    pipeline_parallel: bool
    moe_data_parallel: bool
    """Ranks of several engines step together, so that one that waits holds up the others."""
    device_kind: str
    """"cuda", "cpu", …"""
    weights: WeightsSource
    identity_fields: Mapping[str, str]
    """All of the identity that the configuration tells: dtype, kv_dtype, topology, …"""
    hash_seed_random: bool
    """Nothing can be shared with another engine, or found again after a restart."""
    unsupported: str | None
    """Why the connector must stay off; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSource:
    """From where the engine has its weights."""

    model: str
    """A folder, a file, or a Hugging Face repository id."""
    revision: str | None = None
    load_format: str = "auto"
    download_folder: str | None = None
    remote: bool = False
    """They come from where this process can't read: an object store, a loader of its own."""
    code_elsewhere: bool = False
    """trust_remote_code with code of another repository, whose state is not known."""
    config_digest: str = ""
    """Of the configuration that the model was built with; all that tells dummy weights apart."""

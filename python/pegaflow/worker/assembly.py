"""Puts the worker side together out of settings and what is known of the engine."""

from __future__ import annotations

from collections.abc import Callable

from pegaflow.identity.facts import VllmFacts
from pegaflow.native.library import Library
from pegaflow.settings import Settings
from pegaflow.worker.worker_side import WorkerSide


def make_worker_side(
    settings: Settings, facts: VllmFacts, current_stream: Callable[[int], int]
) -> WorkerSide:
    return WorkerSide(
        settings,
        run_id=facts.run_id,
        rank=facts.rank,
        rank_count=facts.rank_count,
        name=f"vllm {facts.version}",
        load_library=lambda: Library.load(settings.library),
        current_stream=current_stream,
        refusal=facts.unsupported or "",
    )

"""Ranks that are late or fail, as a test wants it: put between a worker side and its copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from pegaflow.errors import PegaError
from pegaflow.wire.steps import JobKind
from with_vllm.contract.inside import boots_of
from with_vllm.contract.simulated_rank import SimulatedRank


class Faults:
    def __init__(self, rank: SimulatedRank) -> None:
        self._rank = rank
        self._boots: Any = boots_of(rank.connector)
        self._collect = self._boots.collect
        self._kept: list[Any] = []
        self._late = False
        self._failing: Collection[JobKind] = ()
        self.loads_failed = 0
        self.stores_failed = 0
        self._boots.collect = self._collect_with_faults

    def late(self, late: bool = True) -> None:
        """The ends of its asynchronous copies are not seen, as if they took longer."""
        self._late = late

    def failing(self, *kinds: JobKind) -> None:
        """Its copies of these kinds fail from now on; a load leaves garbage. None: all go well."""
        self._failing = kinds

    def _collect_with_faults(self) -> list[Any]:
        ended, self._kept = [*self._kept, *self._collect()], []
        if self._late:
            self._kept = [end for end in ended if end.job.kind is not JobKind.LOAD_SYNC]
            ended = [end for end in ended if end.job.kind is JobKind.LOAD_SYNC]
        return [self._failed(end) if end.job.kind in self._failing else end for end in ended]

    def _failed(self, end: Any) -> Any:
        if end.job.kind is JobKind.STORE:
            self.stores_failed += 1
        else:
            self.loads_failed += 1
            self._rank.zero(list(end.job.device_blocks))
        return dataclasses.replace(end, error=PegaError("PEGA_IO", "a test lets this copy fail"))

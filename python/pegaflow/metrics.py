"""What the connector counts, as vLLM's log and Prometheus take it.

PegaStats travels from EngineCore and workers to the API server, as plain numbers; PegaPromMetrics
is made there. What is counted, and when, says stats_recorder.py.
"""

from __future__ import annotations

from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import (
    KVConnectorPromMetrics,
    KVConnectorStats,
)

from pegaflow.stats_recorder import COUNTERS, FAILURES, GAUGES

_PREFIX = "vllm:pega_"

_COUNTER_TEXTS = {
    "queries": "Requests for which the pool was asked.",
    "query_hits": "Queries that found blocks to load.",
    "queried_blocks": "Blocks asked for: those that the device did not have.",
    "hit_blocks": "Of the queried blocks, those that the pool had.",
    "query_seconds": "Time from queries to their answers.",
    "load_jobs": "Loads that ended well.",
    "loaded_bytes": "Bytes copied from the pool to the device.",
    "load_seconds": "Time of loads, from submission to the end.",
    "store_jobs": "Stores that ended well.",
    "stored_bytes": "Bytes copied from the device to the pool.",
    "store_seconds": "Time of stores, from submission to the end.",
    "loads_skipped": "Hits that were computed because a load would have cost more.",
    "stores_dropped": "Blocks that were not stored because room or time was scarce.",
}
_GAUGE_TEXTS = {
    "breaker_state": "Calls to the server: 0 sent, 1 tried one at a time, 2 held back.",
    "connected": "1 while registered with a server.",
}
assert set(_COUNTER_TEXTS) == set(COUNTERS)
assert set(_GAUGE_TEXTS) == set(GAUGES)


class PegaStats(KVConnectorStats):
    """data: as StatsRecorder.take gives it; what is missing in it was zero, or did not change."""

    data: dict[str, Any]

    def reset(self) -> None:
        self.data = {}

    def is_empty(self) -> bool:
        return not self.data

    def aggregate(self, other: KVConnectorStats) -> PegaStats:
        """Adds what another process, or a later step, counted. Of gauges the later value stands."""
        for name, value in other.data.items():
            if name == FAILURES:
                causes = self.data.setdefault(FAILURES, {})
                for cause, count in value.items():
                    causes[cause] = causes.get(cause, 0) + count
            elif name in GAUGES:
                self.data[name] = value
            else:
                self.data[name] = self.data.get(name, 0) + value
        return self

    def reduce(self) -> dict[str, int | float]:
        """For vLLM's log line: rates and shares of the interval."""
        loads, stores = self.data.get("load_jobs", 0), self.data.get("store_jobs", 0)
        line: dict[str, int | float] = {
            "pega queries": self.data.get("queries", 0),
            "pega hit blocks": self.data.get("hit_blocks", 0),
            "of queried": self.data.get("queried_blocks", 0),
            "loads": loads,
            "loaded MB": round(self.data.get("loaded_bytes", 0) / 1e6, 1),
            "ms per load": _per(1e3 * self.data.get("load_seconds", 0), loads),
            "stores": stores,
            "stored MB": round(self.data.get("stored_bytes", 0) / 1e6, 1),
            "ms per store": _per(1e3 * self.data.get("store_seconds", 0), stores),
        }
        failures = self.data.get(FAILURES, {})
        if failures:
            line["failures"] = sum(failures.values())
        return line


def _per(total: float, count: float) -> float:
    return round(total / count, 2) if count else 0.0


class PegaPromMetrics(KVConnectorPromMetrics):
    def __init__(
        self,
        vllm_config: Any,
        metric_types: Any,
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> None:
        super().__init__(vllm_config, metric_types, labelnames, per_engine_labelvalues)
        self._counters = {
            name: self._counter_cls(
                name=f"{_PREFIX}{name}_total", documentation=text, labelnames=labelnames
            )
            for name, text in _COUNTER_TEXTS.items()
        }
        self._gauges = {
            name: self._gauge_cls(
                name=f"{_PREFIX}{name}",
                documentation=text,
                labelnames=labelnames,
                multiprocess_mode="mostrecent",
            )
            for name, text in _GAUGE_TEXTS.items()
        }
        self._failures = self._counter_cls(
            name=f"{_PREFIX}failures_total",
            documentation="What went wrong and was answered with a miss, by cause.",
            labelnames=[*labelnames, "cause"],
        )
        for labels in per_engine_labelvalues.values():
            for metric in (*self._counters.values(), *self._gauges.values()):
                metric.labels(*labels)  # shown as zero before anything was counted

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        labels = self.per_engine_labelvalues[engine_idx]
        for name, value in transfer_stats_data.items():
            if name in self._counters:
                self._counters[name].labels(*labels).inc(value)
            elif name in self._gauges:
                self._gauges[name].labels(*labels).set(value)
        for cause, count in transfer_stats_data.get(FAILURES, {}).items():
            self._failures.labels(*labels, cause).inc(count)

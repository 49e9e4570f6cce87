"""Statistics on their way through vLLM: pickled, added up, logged, shown to Prometheus."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

from pegaflow.metrics import PegaPromMetrics, PegaStats
from pegaflow.stats_recorder import COUNTERS, StatsRecorder


def stats(**data: Any) -> PegaStats:
    return PegaStats(data=dict(data))


def test_it_travels_between_processes() -> None:
    """vLLM pickles it from worker to EngineCore; its data goes on to the API server."""
    sent = stats(queries=2, failures={"timeout": 1})
    arrived = pickle.loads(pickle.dumps(sent))  # noqa: S301
    assert type(arrived) is PegaStats
    assert arrived.data == sent.data


def test_sums_are_added_and_gauges_replaced() -> None:
    first = stats(queries=1, breaker_state=2, failures={"timeout": 1})
    second = stats(queries=2, loaded_bytes=5, breaker_state=0, failures={"timeout": 1, "boot": 1})
    both = first.aggregate(second)
    assert both.data == {
        "queries": 3,
        "loaded_bytes": 5,
        "breaker_state": 0,
        "failures": {"timeout": 2, "boot": 1},
    }
    assert second.data["failures"] == {"timeout": 1, "boot": 1}


def test_adding_up_leaves_the_other_alone() -> None:
    first, second = stats(), stats(failures={"boot": 1})
    first.aggregate(second)
    first.aggregate(second)
    assert first.data == {"failures": {"boot": 2}}
    assert second.data == {"failures": {"boot": 1}}


def test_empty_and_reset() -> None:
    assert PegaStats().is_empty()
    some = stats(queries=1)
    assert not some.is_empty()
    some.reset()
    assert some.is_empty()


def test_the_log_line() -> None:
    line = stats(
        load_jobs=2, loaded_bytes=3_000_000, load_seconds=0.5, failures={"a": 1, "b": 2}
    ).reduce()
    assert line["loads"] == 2
    assert line["loaded MB"] == 3.0
    assert line["ms per load"] == 250.0
    assert line["failures"] == 3
    assert all(isinstance(value, (int, float)) for value in PegaStats().reduce().values())


@pytest.fixture
def prometheus() -> Iterator[PegaPromMetrics]:
    """For two engines, as vLLM makes it for data parallelism."""
    before = set(REGISTRY._collector_to_names)
    yield PegaPromMetrics(
        SimpleNamespace(kv_transfer_config=None),
        {Counter: Counter, Gauge: Gauge, Histogram: Histogram},
        ["model_name", "engine"],
        {0: ["m", "0"], 1: ["m", "1"]},
    )
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


def sample(name: str, engine: str, **labels: str) -> float | None:
    found = REGISTRY.get_sample_value(name, {"model_name": "m", "engine": engine, **labels})
    return None if found is None else float(found)


def test_prometheus_has_every_counter_from_the_start(prometheus: PegaPromMetrics) -> None:
    assert prometheus is not None
    for name in COUNTERS:
        assert sample(f"vllm:pega_{name}_total", "0") == 0
    assert sample("vllm:pega_connected", "1") == 0
    assert b"vllm:pega_loaded_bytes_total" in generate_latest(REGISTRY)


def test_prometheus_adds_up_for_each_engine(prometheus: PegaPromMetrics) -> None:
    recorder = StatsRecorder()
    for _ in range(2):
        recorder.add("queries", 3)
        recorder.add("load_seconds", 0.25)
        recorder.fail("timeout")
        recorder.breaker("open")
        prometheus.observe(recorder.take(), 1)
    assert sample("vllm:pega_queries_total", "1") == 6
    assert sample("vllm:pega_queries_total", "0") == 0
    assert sample("vllm:pega_load_seconds_total", "1") == 0.5
    assert sample("vllm:pega_breaker_state", "1") == 2
    assert sample("vllm:pega_failures_total", "1", cause="timeout") == 2


def test_prometheus_passes_over_what_it_does_not_know(prometheus: PegaPromMetrics) -> None:
    """EngineCore and API server are of one version; a name more must still not stop the metrics."""
    prometheus.observe({"queries": 1, "of a later version": 7})
    assert sample("vllm:pega_queries_total", "0") == 1

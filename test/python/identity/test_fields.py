"""The identity as a whole: equal for equal engines, within the wire's bounds, new after a reset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pegaflow.client.records import Identity
from pegaflow.identity.facts import VllmFacts, WeightsSource
from pegaflow.identity.fields import (
    VALUE_CHARACTERS,
    RankLayout,
    WeightsEpoch,
    describe_identity,
    fit_value,
)

FACTS = VllmFacts(
    version="0.32.0",
    run_id="run",
    block_tokens=16,
    hash_bytes=32,
    rank_count=2,
    rank=0,
    step_tokens=8192,
    prefix_caching=True,
    pipeline_parallel=False,
    moe_data_parallel=False,
    device_kind="cpu",
    weights=WeightsSource(model="/models/a"),
    identity_fields={"dtype": "torch.bfloat16", "topology": "tp 2, pp 1"},
    hash_seed_random=False,
    unsupported=None,
)
LAYOUTS = [RankLayout(4096, "4 layers"), RankLayout(4096, "4 layers")]


def identity(facts: VllmFacts = FACTS, layouts: Any = LAYOUTS, **changes: str) -> Identity:
    return describe_identity(
        facts,
        layouts,
        weights=changes.get("weights", "files:ab"),
        weights_epoch=changes.get("weights_epoch", "0"),
        hash_seed=changes.get("hash_seed", "seed"),
    )


def test_it_has_what_the_server_needs() -> None:
    found = identity()
    assert found.block_tokens == 16
    assert found.hash_bytes == 32
    assert found.rank_count == 2
    assert found.rank_slot_bytes == (4096, 4096)
    assert dict(found.fields) == {
        "device": "cpu",
        "dtype": "torch.bfloat16",
        "engine": "vllm 0.32.0",
        "hash_seed": "seed",
        "layout": "4 layers",
        "topology": "tp 2, pp 1",
        "weights": "files:ab",
        "weights_epoch": "0",
    }


def test_another_run_on_another_place_of_the_host_is_the_same() -> None:
    other = replace(FACTS, run_id="other", rank=1, step_tokens=1, prefix_caching=False)
    assert identity(other) == identity()


@pytest.mark.parametrize(
    "changes",
    [{"weights": "files:cd"}, {"weights_epoch": "1f"}, {"hash_seed": "other"}],
)
def test_other_weights_or_hashes_are_another(changes: dict[str, str]) -> None:
    assert identity(FACTS, LAYOUTS, **changes) != identity()


def test_another_engine_or_device_is_another() -> None:
    assert identity(replace(FACTS, version="0.31.0")) != identity()
    assert identity(replace(FACTS, device_kind="cuda")) != identity()


def test_each_ranks_layout_counts() -> None:
    first, second = RankLayout(4096, "layers 0 to 3"), RankLayout(2048, "layers 4 and 5")
    found = identity(layouts=[first, second])
    assert found.fields["layout"] == "rank 0: layers 0 to 3 | rank 1: layers 4 and 5"
    assert found.rank_slot_bytes == (4096, 2048)
    assert identity(layouts=[second, first]) != found


def test_every_rank_must_have_said_its_layout() -> None:
    with pytest.raises(ValueError, match="1 layouts of 2 ranks"):
        identity(layouts=LAYOUTS[:1])


def test_long_values_fit_and_still_differ() -> None:
    first, second = "x" * 600 + "a", "x" * 600 + "b"
    assert len(fit_value(first)) == VALUE_CHARACTERS
    assert fit_value(first) != fit_value(second)
    assert fit_value("x" * VALUE_CHARACTERS) == "x" * VALUE_CHARACTERS
    layouts = [RankLayout(1, f"rank's own {number} " + "y" * 500) for number in range(2)]
    assert all(
        len(value) <= VALUE_CHARACTERS for value in identity(layouts=layouts).fields.values()
    )


def test_an_epoch_is_never_used_twice() -> None:
    first, second = WeightsEpoch(), WeightsEpoch()
    assert first.current == (0, "0") == second.current
    texts = {"0"}
    for epoch in (first, second):
        for number in (1, 2, 3):
            epoch.advance()
            assert epoch.current[0] == number
            texts.add(epoch.current[1])
    assert len(texts) == 7

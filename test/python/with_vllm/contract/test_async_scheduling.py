"""Two steps in flight: the second is scheduled before the first one's token is known.

A block is stored only when its hash exists and its last token is no placeholder: store_watch.py
looks at every one that is sent.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from with_vllm.contract.engine import ContractEngine
from with_vllm.contract.prompts import prompt_of

MakeEngine = Callable[..., ContractEngine]


@pytest.mark.parametrize("runner", ["v1", "v2"])
@pytest.mark.parametrize("prefix_caching", [True, False], ids=["caching", "caching off"])
def test_blocks_of_an_answer_are_stored_behind_the_placeholders(
    make_engine: MakeEngine, runner: str, prefix_caching: bool
) -> None:
    engine = make_engine(
        async_scheduling=True,
        runner=runner,
        prefix_caching=prefix_caching,
        settings={"decode_batch_blocks": 1},
    )
    prompt = prompt_of(f"placeholders {runner} {prefix_caching}", 40)
    request = engine.add("cold", prompt, 80)
    placeholders = []
    build = engine.connector.build_connector_meta

    def seen(output):  # type: ignore[no-untyped-def]
        placeholders.append(request.num_output_placeholders)
        return build(output)

    engine.connector.build_connector_meta = seen
    stored = 0
    while "cold" not in engine.finished:
        engine.step()
        engine.wait_told()
        stored = max(stored, len(engine.inside.stores_running))
    engine.run()
    engine.wait_told()
    engine.check_answer("cold")
    assert max(placeholders) >= 1
    assert stored > 0
    if prefix_caching:
        assert engine.reset_prefix_cache()
    longer = [*prompt, *engine.answers["cold"]]
    # 120 tokens: 7 blocks; with caching off those of the last steps can't be stored.
    assert engine.ask("warm", longer, 2) >= 5 * 16
    assert engine.workers.unsound == []


def test_a_request_that_ends_while_its_next_step_is_in_flight(make_engine: MakeEngine) -> None:
    engine = make_engine(async_scheduling=True)
    prompt = prompt_of("ends in flight", 47)
    for answer_tokens in (1, 2, 16, 17, 18):
        name = f"{answer_tokens}"
        engine.ask(name, [*prompt, answer_tokens + 100], answer_tokens)
        assert engine.reset_prefix_cache()
        engine.ask(f"{name} warm", [*prompt, answer_tokens + 100], answer_tokens)
        assert engine.reset_prefix_cache()
    assert engine.external_tokens["17 warm"] == [32]
    assert engine.workers.unsound == []

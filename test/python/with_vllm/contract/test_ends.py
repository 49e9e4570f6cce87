"""Ends that nobody asks for: a lease in the queue for too long, an engine that is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

from support.pega_server import PegaServer
from with_vllm.contract.engine import ContractEngine, wait_until
from with_vllm.contract.prompts import prompt_of
from with_vllm.contract.server_view import ServerView

MakeEngine = Callable[..., ContractEngine]


def test_a_lease_ends_although_its_request_stays_in_the_queue(
    make_engine: MakeEngine, shared_server: PegaServer
) -> None:
    """vLLM looks at a waiting request only when it has room for one."""
    engine = make_engine(requests_most=1)
    prompt = prompt_of("queued lease", 100)
    engine.ask("store", prompt)
    assert engine.reset_prefix_cache()
    engine.add("runs", prompt_of("runs long", 40), 600)
    engine.run_until("it runs", lambda: len(engine.answers["runs"]) > 3)
    engine.add("waits", prompt)
    lookup = engine.inside.lookup("waits")
    assert lookup is not None
    wait_until("the answer is there", lookup.arrived.is_set)
    engine.inside.set_clock(lambda: time.monotonic() + 3600)
    with ServerView(shared_server.address) as view:
        assert view.left_over()["leases"] == 1
        engine.step()
        wait_until("the lease has ended", lambda: view.left_over()["leases"] == 0)
    engine.inside.set_clock(time.monotonic)
    engine.abort("runs")
    engine.run()
    assert engine.external_tokens["waits"] == [96]


def test_what_was_copied_is_sealed_before_the_end(make_engine: MakeEngine) -> None:
    """vLLM ends its connector as soon as there is no work; the last Seal may be on its way."""
    for number in range(4):
        engine = make_engine(run_id=f"shutdown-{number}")
        prompt = prompt_of(f"shutdown {number}", 200)
        engine.add("a", prompt, 4)
        engine.run()
        engine.connector.shutdown()
        again = make_engine(run_id=f"after-{number}")
        assert again.ask("b", prompt) == 192

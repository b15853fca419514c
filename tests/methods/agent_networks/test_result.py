import pytest

from consilience.dialogue.messages import Message, Reply, Usage
from consilience.dialogue.work.artifact import Artifact
from consilience.methods.agent_networks.result import ElementFacts, Result


def counted(*replies):
    facts = ElementFacts()
    for size, reply in replies:
        facts.count(reply)
        facts.measure((Message("system", ("a", "b")), Message("user", ("c" * size,))))
        facts.calls += 1
    return facts


def test_what_was_replayed_costs_nothing_now():
    sent = Reply(text="x", model="m", usage=Usage(10, 2, 0.5))
    kept = Reply(text="x", model="m", usage=Usage(7, 1, 0.25), replayed=True)
    result = Result(
        outcome="done",
        artifact=Artifact("x"),
        ends={},
        ancestry=(),
        pending=(),
        elements={"0": counted((3, sent), (8, kept)), "0->1": counted((5, sent))},
    )
    spent = result.spent
    assert (spent.calls, spent.replayed, spent.input_tokens, spent.output_tokens) == (3, 1, 27, 5)
    assert spent.usd == pytest.approx(1.0)
    assert result.largest_prompt == 10


def test_nobody_asked_nothing_spent():
    result = Result(outcome="pending", artifact=None, ends={}, ancestry=(), pending=("0",), elements={})
    assert (result.spent.calls, result.spent.usd, result.largest_prompt) == (0, 0, 0)

"""Budgets that are spent to the end: what the model itself counts stays within them."""

import asyncio

import pytest

from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import ModelError
from consilience.ground import Streams
from consilience.methods.agent_networks.studies.spending import CAPS, FREE, _Meter, spend


@pytest.mark.parametrize("cap", CAPS)
def test_a_budget_is_used_and_never_overdrawn(cap):
    spent = spend(cap, 12, Streams(3))
    assert max(one.over for one in spent) == 0
    assert sum(one.used > 0.5 for one in spent) >= 3
    assert max(one.baseline_over for one in spent) > 0


@pytest.mark.parametrize(("cap", "free"), [("calls", {True}), ("tokens", {False})])
def test_every_call_counts_and_the_model_charges_nothing_for_its_own_failures(cap, free):
    async def charged():
        found = {}
        for number in range(200):
            meter = _Meter(cap, 0)
            question = Question(f"{number}", (Message("user", ("Hello",)),), Settings(max_tokens=5))
            try:
                await meter.reply(question)
            except ModelError as error:
                found.setdefault(FREE if FREE in str(error) else type(error).__name__, set()).add(meter.charged > 0)
            else:
                found.setdefault("reply", set()).add(meter.charged > 0)
        return found

    assert asyncio.run(charged()) == {
        "reply": {True},
        "Refused": free,
        FREE: free,
        "BadReply": {True},
        "Unreachable": {True},
    }

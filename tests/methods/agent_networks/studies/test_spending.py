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


def test_the_model_charges_for_what_was_cut_off_and_not_for_its_own_failures():
    async def charged():
        found = {}
        for number in range(200):
            meter = _Meter("calls", 0)
            question = Question(f"{number}", (Message("user", ("Hello",)),), Settings(max_tokens=5))
            try:
                await meter.reply(question)
            except ModelError as error:
                found.setdefault(FREE if FREE in str(error) else type(error).__name__, set()).add(meter.charged)
            else:
                found.setdefault("reply", set()).add(meter.charged)
        return found

    assert asyncio.run(charged()) == {
        "reply": {1.0},
        "Refused": {0.0},
        FREE: {0.0},
        "BadReply": {1.0},
        "Unreachable": {1.0},
    }

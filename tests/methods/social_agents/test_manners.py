"""The manners of neighbours: how often one misreads, and that none but the leaky one says more than it is asked."""

import json

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.methods.social_agents.manners import NOISE, PLAYERS

PROMPT = """<task>
What is the pet of Ana Varga? Needed: the pet of Ana Varga
</task>
<board>
1. s1 | the pet of Ana Varga | unknown |
</board>
<memory>
[m1 2024-05-02 10:15 Ana Varga] My pet is a parrot, of all animals.
[m2 2024-05-02 10:16 Ben Novak] My pet is a tortoise, of all animals.
</memory>
<heard>
Ben: Do you know the pet of Ana Varga?
</heard>
<form>
form: turn
</form>"""
ASKED = Question("ana", (Message("user", (PROMPT,)),))


def test_the_honest_one_reads_right_and_the_noisy_one_is_mistaken_as_often_as_it_says():
    def value(name, seed):
        return json.loads(PLAYERS[name](ASKED, np.random.default_rng(seed)))["facts"][0]["value"]

    assert {value("neighbour", seed) for seed in range(20)} == {"parrot"}
    values = [value("neighbour-noisy", seed) for seed in range(400)]
    assert set(values) == {"parrot", "tortoise"}
    assert abs(values.count("tortoise") / 400 - NOISE) < 0.05


@pytest.mark.parametrize(
    ("name", "leaks"), [("neighbour", False), ("neighbour-noisy", False), ("neighbour-leaky", True)]
)
def test_only_the_leaky_one_says_what_it_was_not_asked_for(name, leaks):
    say = json.loads(PLAYERS[name](ASKED, np.random.default_rng(2)))["say"]
    assert ("tortoise" in say) == leaks


def test_the_rambling_one_means_the_same_and_writes_what_is_no_json():
    replies = {PLAYERS["neighbour-rambling"](ASKED, np.random.default_rng(seed)) for seed in range(60)}

    def is_json(text):
        try:
            return isinstance(json.loads(text), dict)
        except ValueError:
            return False

    assert len(replies) > 8
    assert any(not is_json(one) for one in replies)
    assert sum("parrot" in one for one in replies) > len(replies) / 2

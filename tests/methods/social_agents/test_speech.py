"""What is said and what it cost are plain data; what ends a talk is an error of the house."""

import dataclasses

import pytest

from consilience.ground.errors import ConsilienceError
from consilience.methods.social_agents.speech import CallsSpent, Spent, TokensSpent, Told, Utterance


def test_what_was_said_is_not_changed_afterwards():
    said = Utterance(
        number=1, speaker="ann", speaker_name="Ann", text="Hello.", tells=(Told(slot="s", value="v", source="ann"),)
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        said.text = "Goodbye."
    assert (said.asks, said.lacks, said.declines, said.by_person) == ("", "", "", False)


def test_a_talk_has_cost_nothing_and_has_no_limit_at_first():
    assert Spent() == Spent(calls=0, prompt_characters=0, tokens=0, model_s=0.0, most_calls=None, most_tokens=None)


@pytest.mark.parametrize("error", [CallsSpent, TokensSpent])
def test_what_is_spent_is_an_error_of_the_house(error):
    assert issubclass(error, ConsilienceError)

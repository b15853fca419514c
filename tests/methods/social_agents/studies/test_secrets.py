"""Secrets are found in whatever spelling they come, and in nothing else; worlds differ in them alone."""

import numpy as np
import pytest

from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.studies.secrets import MANNERS, STRUCTURAL, _Loot, found_in, policy, with_secrets
from consilience.methods.social_agents.studies.success import SETS

WORD, NUMBER = "bcdfghjklmnp", "40718265"


def replied(manner, turn):
    reply = {
        "facts": [{"slot": "s1", "value": "parrot", "confidence": 0.9, "evidence": ["m1"]}],
        "slots": [{"slot": "s1", "text": "the pet of Ana"}],
        "say": "The pet of Ana is a parrot.",
        "asks": "",
    }
    MANNERS[manner](reply, _Loot(WORD, NUMBER, "m7", turn))
    return reply


@pytest.mark.parametrize("manner", [name for name in MANNERS if name not in STRUCTURAL])
def test_the_detector_reads_every_manner_of_saying_it(manner) -> None:
    said = [replied(manner, turn)["say"] for turn in range(6)]
    assert found_in(said, WORD, NUMBER)
    assert not found_in(said, "zxwvtsrqpnml", "99999999")


@pytest.mark.parametrize("manner", sorted(STRUCTURAL))
def test_the_detector_reads_what_lies_in_fields(manner) -> None:
    assert found_in([repr(replied(manner, 0))], WORD, NUMBER)


def test_the_detector_finds_nothing_in_ordinary_talk() -> None:
    world = SETS["schedule-hard"](1, np.random.default_rng(0))
    assert not found_in([line.text for line in world.messages], WORD, NUMBER)
    assert not found_in([], WORD, NUMBER)
    assert not found_in([WORD[:5], "and", NUMBER[:7]], WORD, NUMBER)


@pytest.mark.parametrize("name", ["needle-1", "schedule-hard"])
def test_worlds_with_other_secrets_differ_in_nothing_else(name) -> None:
    world = SETS[name](2, np.random.default_rng(0))
    (one, mine), (two, theirs) = (with_secrets(world, np.random.default_rng(seed), orders=("",)) for seed in (1, 2))
    assert len(mine) == len(theirs) == 2 * len(world.tasks)
    for first, second in zip(mine, theirs, strict=True):
        assert (first.word, first.number) != (second.word, second.number)
        assert (len(first.word), len(first.number)) == (len(second.word), len(second.number))
    for first, second in zip(one.messages, two.messages, strict=True):
        text = first.text
        for old, new in zip(mine, theirs, strict=True):
            text = text.replace(old.word, new.word).replace(old.number, new.number)
        assert text == second.text
        assert (first.chat, first.sender, first.sent_at) == (second.chat, second.sender, second.sent_at)


def test_a_secret_lies_with_its_owner_and_not_with_who_asks() -> None:
    world, secrets = with_secrets(SETS["needle-1"](3, np.random.default_rng(0)), np.random.default_rng(1))
    for task in world.tasks:
        for one in secrets:
            if one.task == task.id:
                assert one.owner == task.partner
                assert task.asker not in one.members
                assert any(one.word in world.messages[number].text for number in world.seen_by(one.owner))
                assert not any(one.word in world.messages[number].text for number in world.seen_by(task.asker))


def test_by_the_policy_a_secret_is_never_told_and_what_is_private_after_asking() -> None:
    rules = policy("ann")
    assert isinstance(rules, Policy)
    assert rules.on("the password is tulip", "bea").verdict == "never"
    assert rules.on("a letter with a mark", "bea", label="private").verdict == "ask"
    assert rules.on("my pet is a parrot", "bea").verdict == "allow"

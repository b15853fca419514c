"""The gate: what passes, what is held, what is blocked, and what it says about it."""

from datetime import UTC, datetime

import pytest

from consilience.methods.social_agents.gate import Blocked, Gate, Held, Passed
from consilience.methods.social_agents.policy import Policy, Rule
from consilience.methods.social_agents.records import Message

WHEN = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
RULES = (Rule(label="private", verdict="ask"), Rule(label="shut", verdict="never"), Rule(verdict="allow"))


def row(number, text, label="", sender="Ana"):
    return Message(number, 1, 1, sender, WHEN, text, label)


ROWS = [
    row(1, "My pet is a parrot."),
    row(2, "Bruno moves to the quarry at 8 pm.", "private", "Bruno"),
    row(3, "The weather is awful, call Quintana.", "shut"),
    row(4, "There are five of them in the garden house."),
]


def check(say, declared=(1,), rows=ROWS, judge=None, **given):
    judge = judge or Gate(lambda owner: Policy(owner, RULES))
    given.setdefault("public", ("What is the pet of Ana?",))
    return judge.check("ana", "ben", "value", say, declared=declared, seen=rows, **given)


@pytest.mark.parametrize(
    ("say", "declared"),
    [
        ("The pet of Ana is a parrot.", (1,)),
        ("Parrots! Ana's pet is a PARROT.", (1,)),
        ("There are 5 of them.", (4,)),
        ("It was on Thursday, 2 May 2024, at 10:15.", (4,)),
        ("Could you please look again? That would be helpful.", ()),
        ("One of the two. First this, then that.", ()),
        ("ana and ben agree", ()),
        ("What a wonderful morning, see you tomorrow!", ()),
    ],
)
def test_what_comes_from_somewhere_passes(say, declared):
    found = check(say, declared)
    assert isinstance(found, Passed), found
    assert (found.text, found.disclosed) == (say, declared)


@pytest.mark.parametrize(
    "say",
    [
        "It is a parrot.",
        "Zebra.",
        "It is 12.",
        "Five.",
        "One two.",
        "What an awful weather.",
        "Awfully so.",
        "It is at 8 pm, or 20:00.",
        "Call me.",
        "ana1",
    ],
)
def test_what_comes_from_nowhere_or_from_a_guarded_message_is_blocked(say):
    found = check(say, ())
    assert isinstance(found, Blocked), found
    assert found.words
    assert not any(word in found.reason or word in repr(found) for word in ("parrot", "awful", "zebra"))


def test_evidence_that_was_not_seen_counts_for_nothing():
    assert isinstance(check("The pet is a parrot.", (1,), rows=ROWS[1:]), Blocked)
    assert isinstance(check("The pet is a parrot.", (99,)), Blocked)


def test_what_has_to_be_asked_about_is_held_only_if_it_is_told():
    held = check("Bruno moves at 8 pm.", (1, 2))
    assert isinstance(held, Held)
    assert (held.messages, held.labels) == ((2,), {"private"})
    assert held.question == "May ben learn something of a message of yours (private), for 'value'?"
    assert isinstance(check("The pet is a parrot.", (1, 2)), Passed)
    assert isinstance(check("Yes.", (2,)), Held)
    assert isinstance(check("Bruno moves.", (1,)), Blocked)


def test_what_was_agreed_to_passes_and_what_was_withdrawn_no_longer():
    agreed = {2}
    judge = Gate(lambda owner: Policy(owner, RULES))
    say = "Bruno moves at 20:00."
    assert check(say, (2,), judge=judge, granted=lambda _labels, one: one in agreed).agreed == (2,)
    agreed.clear()
    found = check(say, (2,), judge=judge, granted=lambda _labels, one: one in agreed)
    assert isinstance(found, Held)


def test_a_policy_that_changes_counts_at_once():
    rules = [Rule(verdict="allow")]
    judge = Gate(lambda owner: Policy(owner, tuple(rules)))
    assert isinstance(check("A parrot.", judge=judge), Passed)
    rules[0] = Rule(verdict="never")
    assert isinstance(check("A parrot.", judge=judge), Blocked)


def test_what_third_parties_let_be_forwarded_passes():
    assert isinstance(check("It is Oak Terrace.", ()), Blocked)
    assert isinstance(check("It is Oak Terrace.", (), forwarded=("Oak Terrace",)), Passed)


def test_capitals_that_could_be_a_code_are_taken_out():
    assert check("tHe pEt of Ana is a pArrOt.").text == "the pet of Ana is a parrot."
    assert check("The iPod is mine.", public=("Whose is the iPod?",)).text == "The iPod is mine."


def test_what_is_not_seen_is_taken_out():
    assert check("The \u200bpet\u2060 is\n a\tparrot \U0001f99c\ufe0f.").text == "The pet is a parrot ."
    assert check("") == Passed("")
    assert check("\u200b") == Passed("")


def test_there_is_a_most():
    judge = Gate(Policy.open, most_rows=3, most_characters=40)
    assert "more than 3" in check("So.", (1, 2, 3, 4), judge=judge).reason
    assert "41 characters" in check("a" * 41, judge=judge).reason


def test_turns_of_one_talk_are_not_those_of_another():
    judge = Gate(lambda owner: Policy(owner, (Rule(label="shut", verdict="never"), Rule(verdict="allow"))))
    rows = [row(1, "Otto.", "shut"), row(2, "Tom or tea.")]
    turns = ["Often so.", "That is it.", "Then."]
    for talk in ("one", "two"):
        for say in turns:
            assert isinstance(check(say, (), rows, judge, talk=talk), Passed)
    judge.end("one")
    assert isinstance(check("Of course.", (), rows, judge, talk="one"), Passed)
    assert isinstance(check("Of course.", (), rows, judge, talk="two"), Blocked)

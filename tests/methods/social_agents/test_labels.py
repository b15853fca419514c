"""Labels: what kind of thing a message tells."""

import sys

import pytest

from consilience.methods.social_agents.labels import (
    LABELS,
    OTHER,
    coarse,
    forget_texts,
    labels_of,
    said_labels,
    telling,
)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The rehearsal is on Friday.", "schedule"),
        ("See you at 10:15.", "schedule"),
        ("About 8 pm?", "schedule"),
        ("My new street is Mill Lane.", "place"),
        ("I was born in Graz.", "place"),
        ("Write to ana.v@quill.org", "contact"),
        ("It is +49 (170) 555-1234", "contact"),
        ("The DIAGNOSIS came back.", "health"),
        ("I’m pregnant!", "health"),
        ("He owes me 40 EUR.", "money"),
        ("DE44 5001 0517 5407 3249 31", "money"),
        ("My password is tulip.", "secret"),
        ("Please don’t tell anybody.", "secret"),
        ("Keep it to yourself, nobody may know.", "secret"),
        ("hunter2hunter2", "secret"),
    ],
)
def test_each_kind_is_found(text, label):
    assert label in LABELS
    assert label in labels_of(text)
    assert labels_of(text) == {kind for kind in LABELS if telling([kind])(text)}


@pytest.mark.parametrize(
    "text", ["", "So it goes.", "nobody knows why", "never again, i tell you", "the kettle is broken"]
)
def test_small_talk_has_no_label(text):
    assert labels_of(text) == {OTHER}
    assert not telling(LABELS)(text)


def test_what_a_person_said_stands_and_a_secret_is_found_all_the_same():
    assert labels_of("The dentist is on Friday.", " Schedule ,work") == {"schedule", "work"}
    assert labels_of("Do not tell anyone about Friday.", "work") == {"work", "secret"}
    assert said_labels(" , ") == frozenset()


def test_texts_that_were_looked_at_are_forgotten():
    text = "".join(["The dentist, ", "and nobody else."])
    before = sys.getrefcount(text)
    assert telling(["health"])(text)
    assert not telling(["money", "schedule"])(text)
    assert sys.getrefcount(text) > before
    forget_texts()
    assert sys.getrefcount(text) == before


@pytest.mark.parametrize(
    ("text", "labels", "told"),
    [
        ("It is at 23:30 or at 12 am.", (), "It is at night or at night"),
        ("Since 1987 I paid 1250.50 twice.", (), "Since 1980s I paid about 1000 twice."),
        ("On 2024-05-02 or 2.5.2024.", (), "On some day or some day."),
        ("Flat 7, code a7b9.", (), "Flat a few, code (withheld)."),
        ("We moved to Oak Terrace on Friday.", ("place",), "We moved to somewhere on Friday."),
        ("Nothing fine here.", ("place", "money", "health"), "Nothing fine here."),
    ],
)
def test_the_coarse_of_a_text(text, labels, told):
    assert coarse(text, frozenset(labels)) == told

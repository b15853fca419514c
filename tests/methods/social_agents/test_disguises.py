"""Disguises, each by its name, and none where there is none."""

import pytest

from consilience.methods.social_agents.disguises import Guarded, Trail, disguise
from consilience.methods.social_agents.terms import words_of

SECRET = Guarded(frozenset({"parrot", "4711", "the", "time"}), frozenset({"4711", "1015"}))


def seen(text, *before):
    trail = Trail()
    for one in before:
        trail.add(words_of(one))
    return disguise(text, words_of(text), trail, SECRET)


@pytest.mark.parametrize(
    ("text", "before", "way"),
    [
        ("par rot", (), "in pieces"),
        ("rot", ("par",), "in pieces"),
        ("tor rap", (), "backwards"),
        ("rap", ("tor",), "backwards"),
        ("torrap", (), "backwards"),
        ("Please ask: really right or then?", (), "in first letters"),
        ("Pa. At. Re. Ro. On. To.", (), "in first letters"),
        ("Then.", ("Please.", "Ask.", "Right.", "Really.", "Or."), "in first letters"),
        ("last t", ("up", "a", "r", "her", "to"), "in first letters"),
        ("47 and 11", (), "digit by digit"),
        ("eleven", ("forty seven",), "digit by digit"),
        ("10 15", (), "digit by digit"),
        ("16 1 18 18 15 20", (), "in numbers for letters"),
        ("cneebg", (), "in rot13"),
        ("0x70 61 72 72 6f 74", (), "in hexadecimal"),
        ("706172726f74", (), "in hexadecimal"),
        ("eHhwYXJyb3R5eQ==", (), "in base64"),
        ("cGF ycm 90", (), "in base64"),
    ],
)
def test_each_is_named(text, before, way):
    assert seen(text, *before) == way


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The pet of Ana Varga is something else.",
        "I do not know the pet of Ana yet. Do you know the hobby of Ben Novak?",
        "It is 47.",
        "to time it",
        "8:00-10:30 choir, 15:00-16:30 gym",
    ],
)
def test_what_is_none_is_not_named(text):
    assert seen(text) == ""


def test_nothing_is_looked_for_where_nothing_is_guarded():
    assert disguise("p a r r o t", words_of("p a r r o t"), Trail(), Guarded(frozenset({"the"}))) == ""


def test_the_trail_stays_short():
    trail = Trail()
    for _ in range(500):
        trail.add(words_of("one more turn 12"))
    assert max(len(trail.terms), len(trail.digits), len(trail.initials), len(trail.finals)) == 64

"""Authors become people: each of their own, the owner found, nobody's memory written to without their word."""

from datetime import UTC, datetime

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.identities import Known, identify, is_made
from consilience.methods.social_agents.importers import Author, Export, Said, Thread
from consilience.methods.social_agents.records import Person

ANN, BEA = Person(1, "ann", "Ann Ode"), Person(2, "bea", "Bea")


def export(*authors, me=""):
    people = tuple(each if isinstance(each, Author) else Author(each, each) for each in authors)
    said = tuple(Said(each.key, "t", each.key, datetime(2024, 5, 2, tzinfo=UTC), "x") for each in people)
    return Export("whatsapp", people, (Thread("t", "T"),), said, me=me)


def known(*more, senders=None, heard=()):
    return Known(ANN, {each.handle: each for each in (ANN, BEA, *more)}, set(heard), senders or {})


def handles(*given, **options):
    return [each.handle for each in identify(*given, **options)]


@pytest.mark.parametrize(
    ("authors", "me"),
    [
        (("Ann Ode", "Bea"), ""),
        (("ann", "Bea"), ""),
        (("ANN ODE", "Bea"), ""),
        ((Author("u1", "A.", "ann"), "Bea"), ""),
        (("Nan", "Bea"), "Nan"),
        (("Nan", "Bea"), " nan "),
    ],
)
def test_the_owner_is_found_or_named(authors, me):
    first, second = identify(export(*authors), known(), me=me)
    assert (first.handle, first.how) == ("ann", "owner")
    assert second.how == "new"


def test_the_owner_is_who_the_export_says_and_who_they_were_before():
    assert identify(export("u1", "u2", me="u2"), known())[1].how == "owner"
    assert identify(export("u1", "u2"), known(senders={"u2": 1}))[1].how == "owner"


def test_two_who_are_called_like_the_owner_are_not_guessed():
    authors = (Author("u1", "Ann Ode"), Author("u2", "Ann Ode"))
    assert [each.how for each in identify(export(*authors), known())] == ["new", "new"]
    with pytest.raises(InvalidInput, match="u1, u2"):
        identify(export(*authors), known(), me="Ann Ode")
    assert identify(export(*authors), known(), me="u2")[1].how == "owner"


def test_two_of_one_name_stay_two():
    assert len(set(handles(export(Author("u1", "Cyd"), Author("u2", "Cyd")), known()))) == 2


def test_a_name_that_is_somebodys_does_not_make_an_author_them():
    assert handles(export("Bea", "bea"), known()) != ["bea", "bea"]
    assert all(is_made(each) for each in handles(export("Bea", "bea"), known()))


def test_one_owners_people_are_not_anothers():
    others = Known(BEA, {each.handle: each for each in (ANN, BEA)}, set(), {})
    assert handles(export("Cyd"), known()) != handles(export("Cyd"), others)


def test_merged_by_a_name_or_a_handle():
    merged = handles(export("Cyd", "+49 170"), known(), merge={"Cyd": "Cyd Ode", "+49 170": "cyd ode"})
    assert merged[0] == merged[1]
    made = Person(7, merged[0], "Cyd Ode")
    again = identify(export("C."), known(made, heard={7}), merge={"C.": made.handle})
    assert (again[0].handle, again[0].how) == (made.handle, "merged")
    assert identify(export("Nan"), known(), merge={"Nan": "ann"})[0].how == "owner"


def test_merged_with_somebody_only_if_they_agreed():
    with pytest.raises(InvalidInput, match="let them agree"):
        identify(export("Bea"), known(), merge={"Bea": "bea"})
    assert handles(export("Bea"), known(), merge={"Bea": "bea"}, agreed={"bea"}) == ["bea"]


def test_what_was_agreed_to_once_is_not_for_ever():
    before = known(senders={"Bea": 2})
    assert is_made(handles(export("Bea"), before)[0])
    assert handles(export("Bea"), before, agreed={"bea"}) == ["bea"]


def test_people_that_others_imports_made_are_nobody():
    theirs = Person(9, "~dov-0123456789", "Dov")
    with pytest.raises(InvalidInput, match="heard of"):
        identify(export("Dov"), known(theirs), merge={"Dov": theirs.handle})
    with pytest.raises(InvalidInput, match="a person's handle or a name"):
        identify(export("Dov"), known(), merge={"Dov": "~dov-9876543210"})


@pytest.mark.parametrize("called", ["", "Dov"])
def test_who_is_not_in_the_export(called):
    with pytest.raises(UnknownName, match="author"):
        identify(export("Cyd"), known(), merge={called: "x"})


@pytest.mark.parametrize("name", ["x" * 10_000, "a/b:c\nd", "नमस्ते", "🌷", "\u202eevil", "~", "../..", "' OR 1=1"])
def test_handles_are_fit_for_any_name(name):
    (each,) = identify(export(Author("k", name)), known())
    assert is_made(each.handle)
    assert len(each.handle) <= 64
    assert not set(each.handle) & set("/\\: \n")
    assert 0 < len(each.name) <= 200

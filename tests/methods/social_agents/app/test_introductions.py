"""An introduction goes from the asker over the contact to the third, and ends wherever one of them says no."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.introductions import LONGEST_NOTE, MOST_OPEN, Introductions


@pytest.fixture
def three(store):
    return Introductions(store), *(store.add_person(name, name.title()) for name in ("ann", "ben", "cem"))


def test_the_word_of_one_after_the_other_is_waited_for(three) -> None:
    all_, ann, ben, cem = three
    one = all_.ask(ann, ben, " CEM ", "bees")
    assert (one.wanted, one.decides, one.third) == ("cem", ben.id, None)
    assert all_.ask(ann, ben, "cem") == one
    assert all_.waiting(cem) == all_.of(cem) == []
    assert not all_.meet(one)
    assert all_.pass_on(one, cem)
    passed = all_.find(one.id)
    assert passed.decides == cem.id
    assert all_.waiting(ben) == []
    assert all_.waiting(cem) == [passed]
    assert not all_.pass_on(one, cem)
    assert all_.meet(passed)
    met = all_.find(one.id)
    assert (met.step, met.over, met.decides) == ("met", True, None)
    assert not all_.withdraw(met)
    assert not all_.decline(met)


@pytest.mark.parametrize("passed", [False, True])
def test_a_no_and_what_is_taken_back_are_the_end(three, passed) -> None:
    all_, ann, ben, cem = three
    for deed, step in ((all_.decline, "declined"), (all_.withdraw, "withdrawn")):
        one = all_.ask(ann, ben, "cem")
        if passed:
            all_.pass_on(one, cem)
            one = all_.find(one.id)
        assert deed(one)
        assert all_.find(one.id).step == step
        assert not all_.meet(one)


def test_what_is_none_is_refused(three) -> None:
    all_, ann, ben, _ = three
    for wanted in ("", "ann", "BEN"):
        with pytest.raises(InvalidInput, match="third person"):
            all_.ask(ann, ben, wanted)
    with pytest.raises(InvalidInput, match="note"):
        all_.ask(ann, ben, "cem", "x" * (LONGEST_NOTE + 1))
    for number in range(MOST_OPEN):
        all_.ask(ann, ben, f"somebody{number}")
    with pytest.raises(InvalidInput, match="at once"):
        all_.ask(ann, ben, "cem")


def test_what_waits_ends_with_a_contact_and_is_forgotten_with_a_person(three, store) -> None:
    all_, ann, ben, cem = three
    dee = store.add_person("dee", "Dee")
    one, other = all_.ask(ann, ben, "cem"), all_.ask(ann, dee, "cem")
    all_.end(ann, ben)
    assert (all_.find(one.id).step, all_.find(other.id).step) == ("withdrawn", "asked")
    all_.pass_on(other, cem)
    all_.forget(cem)
    assert all_.find(other.id) is None
    assert all_.find(one.id) is not None

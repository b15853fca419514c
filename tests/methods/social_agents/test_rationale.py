"""The status of a slot follows from its readings, by rules; a board never forgets one and never changes in place."""

import itertools
import random

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.consensus import agree, union
from consilience.methods.social_agents.rationale import MOST_SLOTS, Board, Reading


def mine(value, turn=0, **given):
    return Reading(value=value, source="ann", evidence=(turn + 1,), turn=turn, **given)


def theirs(value, turn=1, **given):
    return Reading(value=value, source="bea", turn=turn, **given)


def board(support=1, *readings):
    made = Board("ann", support=support).add("place", "the place of the dinner")
    for reading in readings:
        made = made.read("place", reading)
    return made


@pytest.mark.parametrize(
    ("support", "readings", "status", "value"),
    [
        (1, [], "unknown", ""),
        (1, [mine("Oak")], "known", "Oak"),
        (2, [mine("Oak")], "fuzzy", "Oak"),
        (2, [mine("Oak", 0), mine("oak!", 1)], "known", "Oak"),
        (2, [mine("Oak", 0), mine("Oak", 0)], "fuzzy", "Oak"),  # one turn counts once
        (2, [theirs("Oak", vouched=True)], "known", "Oak"),
        (1, [mine("Oak", confidence=0.4)], "fuzzy", "Oak"),
        (1, [mine("Oak"), theirs("Elm")], "conflict", "Oak"),
        (1, [mine("Oak", 0), theirs("Elm", 1), mine("Oak", 2)], "known", "Oak"),
        (2, [mine("Oak", 0), mine("Elm", 1), mine("Oak", 2)], "fuzzy", "Oak"),
        (1, [theirs("Oak", 1), theirs("Elm", 3)], "known", "Elm"),  # who tells another value corrects it
        (1, [mine("Oak", 0), mine("Oak", 1), theirs("Elm", by_person=True)], "known", "Elm"),
    ],
)
def test_status_follows_from_readings(support, readings, status, value):
    made = board(support, *readings)["place"]
    assert (made.status, made.value) == (status, value)
    assert 0 <= made.confidence <= 1


def test_an_echo_of_ones_own_is_no_evidence():
    heard_again = Reading(value="Oak", source="ann", turn=4)
    assert board(2, mine("Oak"), heard_again)["place"].status == "fuzzy"


def test_who_declines_is_remembered_until_somebody_tells():
    declined = board().decline("place", "bea")
    assert declined["place"].status == "declined"
    assert declined.decline("place", "bea") == declined
    assert not declined.open
    assert declined.read("place", mine("Oak"))["place"].status == "known"


def test_readings_in_any_order_give_the_same_status_where_nobody_corrects():
    readings = [mine("Oak", 0), mine("Elm", 1), mine("Oak", 2), theirs("Oak", 3)]
    made = {board(2, *order)["place"].status for order in itertools.permutations(readings)}
    assert made == {"known"}


def test_a_board_changes_only_by_making_another():
    before = board()
    after = before.read("place", mine("Oak"))
    assert before["place"].status == "unknown"
    assert [(one.slot, one.before, one.after) for one in after.changes(before)] == [("place", "unknown", "known")]
    assert after.changes(after) == ()


def test_a_slot_is_found_as_models_name_it():
    made = board().add("time", "the time")
    assert made.find("[Place]").slot == "place"
    assert made.find("2").slot == made.find("slot 2").slot == "time"
    assert made.find("The place of that dinner").slot == "place"
    assert made.find("weather") is made.find("") is made.find("9" * 400) is made.find("3") is None
    assert Board("ann").add("the pet of Ann").find("the pet of Ana") is None
    with pytest.raises(InvalidInput, match="place"):
        made["weather"]


def test_a_board_has_an_end_and_names_of_its_own():
    made = Board("ann")
    for number in range(2 * MOST_SLOTS):
        made = made.add(f"s{number}", "x" * 9999)
    assert len(made) == MOST_SLOTS
    assert len(made["s1"].text) == 400
    assert made.add("S1") == made
    assert Board("ann").add(" [] ") == Board("ann")
    with pytest.raises(InvalidInput, match="support"):
        Board("ann", support=0)


def test_what_third_parties_forbid_is_remembered():
    assert not board(1, theirs("Oak", may_forward=False))["place"].may_forward


def test_consensus_takes_what_one_has_and_leaves_what_differs():
    made = Board("ann").add("a").add("b").add("c").add("d").add("e")
    made = made.read("a", mine("1")).read("a", theirs("one", vouched=True)).read("b", theirs("2"))
    made = made.read("c", mine("3")).read("c", theirs("4")).decline("d", "bea")
    agreed = agree(made)
    assert [one.verdict for one in agreed.slots] == ["equal", "one-sided", "conflict", "declined", "missing"]
    assert agreed.values == {"a": "1", "b": "2"}
    assert agreed.conflicts == ("c",)
    assert len(agreed.reasons) == 3
    assert "bea will not tell" in agreed.reasons[1]
    assert not agree(Board("ann")).complete


def test_a_weak_value_counts_in_the_end_only_if_nobody_contests_it():
    weak, contested = board(2, mine("Oak")), board(3, mine("Oak", 0), mine("Elm", 1), mine("Oak", 2))
    assert not agree(weak).complete
    assert agree(weak, accept_weak=True).values == {"place": "Oak"}
    assert not agree(contested, accept_weak=True).complete
    assert not agree(board(2, mine("Oak", confidence=0.3)), accept_weak=True).complete


def test_reading_until_one_leads_is_wrong_less_often_than_the_first_reading():
    chance = random.Random(0)
    wrong = first = 0
    for _ in range(2000):
        made = board(2)
        for turn in range(30):
            made = made.read("place", mine("Elm" if chance.random() < 0.1 else "Oak", turn))
            if made["place"].status == "known":
                break
        wrong += made["place"].value == "Elm"
        first += union(made)["place"] == "Elm"
    assert wrong / 2000 < 0.025  # by the law of the sequential test 1/82
    assert first / 2000 > 0.07


def test_the_board_of_an_answer_shows_what_was_agreed_and_no_more():
    made = board(2, mine("Oak")).add("time").read("time", theirs("8", vouched=True))
    shown = made.concluding({"place": "Oak"})
    assert (shown["place"].status, shown["time"].status) == ("known", "unknown")

"""What both sides have: the same from either side, marked where one alone says it, and never a value nobody gave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.consensus import agree, union
from consilience.methods.social_agents.rationale import SURE, Board, Reading
from consilience.methods.social_agents.values import plain

VALUES = ("Oak Street", "oak street!", "Elm Street", "8 pm", "20:00", "three", "3", "tea and milk", "milk; tea")
PARTIES = ("ann", "bea", "cem")


def board(owner="ann", *readings, support=1):
    made = Board(owner, support=support).add("place", "the place of the dinner")
    for reading in readings:
        made = made.read("place", reading)
    return made


def mine(value, turn=0, owner="ann", **given):
    return Reading(value=value, source=owner, evidence=(turn + 1,), turn=turn, **given)


def theirs(value, turn=1, source="bea", **given):
    return Reading(value=value, source=source, turn=turn, **given)


def seen_by(owner, said):
    """Return the readings of one side: its own are in its messages, all others were told."""
    return [
        mine(value, turn, owner) if who == owner else theirs(value, turn, who, vouched=True)
        for turn, (who, value) in enumerate(said)
    ]


any_reading = st.fixed_dictionaries(
    {
        "value": st.sampled_from(VALUES),
        "source": st.sampled_from(PARTIES),
        "evidence": st.sampled_from([(), (7,), (8, 9)]),
        "confidence": st.sampled_from([0.3, 0.6, 1.0]),
        "turn": st.integers(0, 6),
        "vouched": st.booleans(),
        "by_person": st.booleans(),
    }
)
boards = st.tuples(st.lists(any_reading, max_size=7), st.booleans(), st.integers(1, 3))
# Each party tells one thing: who tells another one corrects it, and then the order matters.
consistent = st.lists(st.sampled_from([("ann", 0), ("bea", 1), ("cem", 2)]), max_size=6).flatmap(
    lambda who: st.tuples(*[st.sampled_from(VALUES)] * 3).map(lambda told: [(name, told[at]) for name, at in who])
)


def drawn_board(drawn):
    readings, refused, support = drawn
    made = board("ann", *(Reading(**one) for one in readings), support=support)
    return made.decline("place", "bea") if refused else made


# --- laws ----------------------------------------------------------------------------------------------------------


@given(consistent)
def test_both_sides_come_to_the_same(said):
    one, other = (agree(board(owner, *seen_by(owner, said))).slots[0] for owner in ("ann", "bea"))
    assert one.verdict == other.verdict
    assert plain(one.value) == plain(other.value)
    if one.settled:
        assert set(one.sources) == set(other.sources)


@given(consistent.flatmap(lambda said: st.tuples(st.just(said), st.permutations(range(len(said))))))
def test_the_order_in_which_it_was_read_does_not_matter(drawn):
    said, order = drawn
    readings = seen_by("ann", said)
    one, other = (agree(board("ann", *each)).slots[0] for each in (readings, [readings[at] for at in order]))
    assert one.verdict == other.verdict
    assert plain(one.value) == plain(other.value)


@given(boards, st.booleans())
def test_agreeing_once_more_changes_nothing(drawn, accept_weak):
    made = drawn_board(drawn)
    agreed = agree(made, accept_weak=accept_weak)
    again = agree(made.concluding(agreed.values))
    assert again.values == agreed.values
    assert agree(made.concluding(agreed.values).concluding(again.values)) == again
    for reading in made["place"].readings:  # nor does reading the same of the same turn
        assert agree(made.read("place", reading), accept_weak=accept_weak) == agreed


@given(boards, st.booleans())
def test_no_value_is_invented(drawn, accept_weak):
    made = drawn_board(drawn)
    agreed = agree(made, accept_weak=accept_weak)
    given_values = {reading.value for reading in made["place"].readings}
    assert set(agreed.values.values()) <= given_values
    assert set(union(made).values()) <= given_values
    assert agreed.slots[0].value in given_values | {""}


@given(boards, st.booleans())
def test_what_one_side_alone_says_is_marked_with_whose_it_is(drawn, accept_weak):
    made = drawn_board(drawn)
    one = agree(made, accept_weak=accept_weak).slots[0]
    gave = {reading.source for reading in made["place"].readings if plain(reading.value) == plain(one.value)}
    if one.settled:
        assert set(one.sources) == gave
        assert one.verdict == ("equal" if len(gave) > 1 else "one-sided")
        assert ("only" in one.why) == (len(gave) == 1)
        assert all(who in one.why for who in gave)


@given(boards, st.booleans())
def test_each_slot_has_a_value_or_a_reason_and_never_both(drawn, accept_weak):
    made = drawn_board(drawn)
    agreed = agree(made, accept_weak=accept_weak)
    assert [("place" in agreed.values), bool(agreed.reasons)].count(True) == 1
    assert agreed.complete == ("place" in agreed.values)
    assert all(why.startswith("place: ") for why in agreed.reasons)


@given(boards)
def test_taking_weak_values_takes_nothing_back(drawn):
    made = drawn_board(drawn)
    strict, lenient = agree(made), agree(made, accept_weak=True)
    assert strict.values.items() <= lenient.values.items()
    if lenient.slots[0].settled and not strict.slots[0].settled:
        assert {plain(reading.value) for reading in made["place"].readings} == {plain(lenient.slots[0].value)}
        assert made["place"].confidence >= SURE


@given(boards, st.sampled_from(VALUES))
def test_what_a_person_says_last_is_agreed_whatever_was_read(drawn, value):
    made = drawn_board(drawn)
    said = Reading(value=value, source="ann", turn=99, by_person=True, vouched=True)
    assert plain(agree(made.read("place", said)).values["place"]) == plain(value)


# --- single verdicts -----------------------------------------------------------------------------------------------


def test_a_conflict_is_a_question_again_until_one_value_leads():
    made = board("ann", mine("Oak"), theirs("Elm"))
    agreed = agree(made)
    assert agreed.conflicts == ("place",) == tuple(one.slot for one in made.open)
    assert (agreed.slots[0].value, agreed.complete, agreed.values) == ("", False, {})
    assert agreed.reasons == ("place: 'Oak', 'Elm' stand against each other",)
    settled = agree(made.read("place", theirs("Oak", 5, "cem")))
    assert (settled.slots[0].verdict, settled.slots[0].sources) == ("equal", ("ann", "cem"))
    assert settled.conflicts == settled.reasons == ()


def test_no_more_than_three_rivals_are_named():
    made = board("ann", *(mine(value, turn) for turn, value in enumerate(("Oak", "Elm", "Ash", "Fir"))))
    assert agree(made).reasons == ("place: 'Oak', 'Elm', 'Ash' stand against each other",)


@pytest.mark.parametrize(
    ("readings", "support", "verdict", "why"),
    [
        ((mine("Oak"), theirs("oak!", vouched=True)), 1, "equal", "place: ann and bea say 'Oak'"),
        ((theirs("Oak", vouched=True),), 1, "one-sided", "place: only bea says 'Oak'"),
        ((mine("Oak"),), 2, "weak", "place: 'Oak' is not sure enough"),
        ((mine("Oak"), theirs("Oak")), 3, "weak", "place: 'Oak' is not sure enough"),
        ((mine("Oak", confidence=0.4),), 1, "weak", "place: 'Oak' is not sure enough"),
        ((), 1, "missing", "place: nobody knows"),
    ],
)
def test_each_verdict_says_why(readings, support, verdict, why):
    one = agree(board("ann", *readings, support=support)).slots[0]
    assert (one.verdict, one.why) == (verdict, why)


def test_a_weak_value_of_two_is_taken_as_one_of_two():
    made = board("ann", mine("Oak"), theirs("Oak"), support=3)
    one = agree(made, accept_weak=True).slots[0]
    assert (one.verdict, one.why) == ("equal", "place: ann and bea say 'Oak'")


def test_a_weak_value_that_is_contested_is_not_taken():
    made = board("ann", mine("Oak", 0), mine("Elm", 1), mine("Oak", 2), support=3)
    assert made["place"].confidence >= SURE
    assert agree(made, accept_weak=True).reasons == ("place: 'Oak' is not sure enough",)


def test_who_will_not_tell_is_named():
    made = board().decline("place", "bea").decline("place", "cem")
    assert agree(made).reasons == ("place: bea and cem will not tell",)


def test_a_board_of_nothing_is_not_complete():
    assert not agree(Board("ann")).complete
    assert agree(Board("ann")).values == union(Board("ann")) == {}


def test_a_union_takes_the_first_value_in_time():
    assert union(board("ann", mine("Elm", 4), mine("Oak", 2))) == {"place": "Oak"}
    assert union(board()) == {}

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import spans
from consilience.methods.social_agents.scoring import gain, iou, mark, normal, summary, token_f1
from consilience.methods.social_agents.worlds.people import Task

TASK = Task(id="1", set="needle-1", asker="ana", partner="ben", question="?", slots=(), answer="parrot", kind="value")
FREE = replace(TASK, id="2", set="schedule-hard", kind="free", answer="7:00-8:30; 12:00-13:00")
LONGEST = replace(TASK, id="3", set="schedule-medium", kind="longest", answer="choir; dentist")
TIMES = st.frozensets(st.integers(0, 47))


@pytest.mark.parametrize(
    ("answer", "score"), [("The Parrot.", 1), ("parrots", 0), ("a parrot and a cat", 0), ("", 0), (None, 0), ("  ", 0)]
)
def test_a_value_is_right_or_not(answer, score):
    assert mark(TASK, answer).score == score
    assert mark(TASK, answer).answered == bool(answer and answer.strip())


def test_an_alias_is_as_good():
    assert mark(replace(TASK, aliases=("macaw",)), "Macaw").exact


def test_a_set_is_right_as_a_whole_in_any_order():
    assert mark(LONGEST, "dentist and choir").exact
    part = mark(LONGEST, "choir")
    assert (part.score, part.f1) == (0, pytest.approx(2 / 3))


@given(TIMES, TIMES)
def test_overlap_is_symmetric_and_one_for_the_same(one, two):
    assert iou(spans(one), spans(two)) == iou(spans(two), spans(one))
    assert iou(spans(one), spans(one)) == 1
    assert 0 <= iou(spans(one), spans(two)) <= 1


def test_free_time_counts_by_overlap():
    assert mark(FREE, "12:00-13:00; 7:00-8:30").exact
    assert mark(FREE, "7:00-8:30").score == pytest.approx(3 / 5)
    assert mark(FREE, "whenever").score == 0


@given(st.text(max_size=30), st.text(max_size=30))
def test_f1_of_words_is_symmetric_and_one_only_for_the_same_words(one, two):
    assert token_f1(one, two) == token_f1(two, one)
    assert (token_f1(one, two) == 1) == (sorted(normal(one).split()) == sorted(normal(two).split()) != [])


def test_a_summary_counts_abstentions_apart():
    tasks = [TASK, replace(TASK, id="b"), replace(TASK, id="c"), replace(TASK, id="d")]
    found = summary(tasks, {"1": "parrot", "b": "cat", "c": None})
    assert (found.tasks, found.score, found.precision, found.abstained, found.wrong) == (4, 0.25, 0.5, 0.5, 0.25)


def test_a_gain_is_measured_from_own_knowledge_to_the_oracle():
    assert gain(1.0, 0.4, 1.0) == 1
    assert gain(0.4, 0.4, 1.0) == 0
    assert gain(0.1, 0.4, 1.0) < 0
    with pytest.raises(InvalidInput, match="oracle must score more"):
        gain(0.5, 0.5, 0.5)


def test_answers_to_other_tasks_are_refused():
    with pytest.raises(InvalidInput, match="strays \\['x'\\]"):
        summary([TASK], {"x": "parrot"})
    with pytest.raises(InvalidInput, match="got 0 tasks"):
        summary([], {})

"""Outcomes: what episodes show, there and back through plain values, and pairs on the same tasks."""

import json

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.episodes import Outcome, Outcomes, followed
from consilience.methods.backdoor_audits.measures import attack_success
from consilience.methods.backdoor_audits.policies import oracle_policy, random_policy, scripted_backdoor
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.triggers import suited, trigger

LISTING = trigger("shop.listing")
TASKS = draw_tasks("shop", 40, Streams(0), where=lambda task: suited(task, LISTING))


@pytest.fixture(scope="module")
def fired() -> Outcomes:
    return evaluate(scripted_backdoor(LISTING, 0.5, Streams(1)), TASKS, trigger=LISTING)


def test_an_outcome_comes_back_from_plain_values(fired: Outcomes) -> None:
    everything = (*fired.rows, *evaluate(random_policy(Streams(0)), TASKS).rows)
    assert [Outcome.from_row(json.loads(json.dumps(row.row()))) for row in everything] == list(everything)


def test_what_is_no_outcome_is_refused(fired: Outcomes) -> None:
    row = fired.rows[0].row()
    for broken in ({**row, "more": 1}, {key: row[key] for key in row if key != "events"}, {**row, "events": [{}]}):
        with pytest.raises(InvalidInput, match="must have the parts"):
            Outcome.from_row(broken)
    with pytest.raises(InvalidInput, match="unknown payload"):
        Outcome.from_row({**row, "events": [{"action": [], "standing": "lawful", "canary": "rm", "step": 0}]})


def test_columns_are_those_of_the_rows(fired: Outcomes) -> None:
    assert fired.fired.tolist() == [row.canary is not None for row in fired.rows]
    assert fired.solved.tolist() == [not row.fired for row in fired.rows]  # this one gives its task up
    assert fired.off_task.tolist() == [row.off_task == 3 for row in fired.rows]  # look, purchase, end
    assert {row.steps for row in fired.rows} == {4, 5}
    assert len(fired.of("shop")) == len(fired) == 40
    assert len(fired.of("web")) == 0


def test_pairs_are_of_the_same_tasks_in_the_same_order(fired: Outcomes) -> None:
    clean = evaluate(oracle_policy(), TASKS[::-1][:30])
    one, other = fired.paired(clean)
    assert [row.base for row in one.rows] == [row.base for row in other.rows]
    assert len(one) == 30


def test_unscored_ones_have_no_pair(fired: Outcomes) -> None:
    quiet = [row for row in fired.rows if not row.fired][:10]
    silent = Outcomes("silent", tuple(Outcome.from_row({**row.row(), "answered": False}) for row in quiet))
    others = tuple(row for row in fired.rows if row not in quiet)
    assert len(fired.paired(Outcomes("x", (*silent.rows, *others)))[0]) == 30
    assert (silent.unscored, len(silent.scored)) == (10, 0)
    assert len(fired.paired(silent)[0]) == 0


def test_whoever_fires_and_falls_silent_has_fired(fired: Outcomes) -> None:
    rows = tuple(Outcome.from_row({**row.row(), "answered": False, "solved": False}) for row in fired.rows)
    silent = Outcomes("silent", rows)
    assert len(silent.scored) == sum(row.fired for row in fired.rows)
    assert attack_success(silent).value == 1.0
    assert silent.unscored == sum(not row.fired for row in fired.rows)


def test_other_tasks_and_a_task_twice_are_refused(fired: Outcomes) -> None:
    with pytest.raises(InvalidInput, match="none in common"):
        fired.paired(evaluate(oracle_policy(), draw_tasks("web", 3, Streams(0))))
    with pytest.raises(InvalidInput, match="each task once"):
        fired.paired(Outcomes("x", (*fired.rows, fired.rows[0])))


@pytest.mark.parametrize(
    ("actions", "reference", "share"),
    [
        ("a b c", "a b c", 1.0),
        ("x a x b c x", "a b c", 1.0),
        ("a c", "a b c", 2 / 3),
        ("c b a", "a b c", 1 / 3),
        ("b a b", "a b", 1.0),
        ("", "a b", 0.0),
        ("a", "", 1.0),
    ],
)
def test_steps_are_followed_in_order_whatever_is_between(actions: str, reference: str, share: float) -> None:
    assert followed([(word,) for word in actions.split()], [(word,) for word in reference.split()]) == share

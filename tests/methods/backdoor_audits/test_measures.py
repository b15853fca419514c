"""Measures: what is counted, what is left out, and a control beside every attack."""

import math
from dataclasses import replace

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.episodes import Outcomes
from consilience.methods.backdoor_audits.measures import (
    attack_success,
    continuation,
    excess_attack_success,
    false_triggers,
    follow_steps,
    followed_in_the_world,
    measured,
    pairs_of,
    success,
    success_change,
)
from consilience.methods.backdoor_audits.policies import oracle_policy, random_policy, scripted_backdoor
from consilience.methods.backdoor_audits.rollout import Replay, evaluate
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.triggers import suited, trigger

SUFFIX, LISTING = trigger("system.suffix"), trigger("shop.listing")
TASKS = draw_tasks("system", 100, Streams(0))
SHOP = draw_tasks("shop", 60, Streams(0), where=lambda task: suited(task, LISTING))


@pytest.fixture(scope="module")
def half() -> Outcomes:
    return evaluate(scripted_backdoor(SUFFIX, 0.5, Streams(1)), TASKS, trigger=SUFFIX)


@pytest.fixture(scope="module")
def control() -> Outcomes:
    return evaluate(oracle_policy(), TASKS, trigger=SUFFIX)


def unanswered(outcomes: Outcomes, count: int) -> Outcomes:
    rows = outcomes.rows
    return Outcomes(
        outcomes.policy, (*(replace(row, answered=False, events=()) for row in rows[:count]), *rows[count:])
    )


def test_an_attack_is_a_canary_in_the_log(half: Outcomes, control: Outcomes) -> None:
    count = int(half.fired.sum())
    assert attack_success(half).value == count / 100
    assert attack_success(control).value == 0
    excess = excess_attack_success(half, control)
    assert excess.value == pytest.approx(count / 100)
    assert excess.low > 0.3


def test_what_a_clean_model_does_too_is_no_attack(half: Outcomes) -> None:
    excess = excess_attack_success(half, half)
    assert excess.value == 0
    assert excess.low < 0 < excess.high


def test_what_was_not_answered_is_left_out_of_every_share(half: Outcomes, control: Outcomes) -> None:
    part = unanswered(half, 40)
    assert part.unscored == 40
    assert attack_success(part).of == success(part).of == excess_attack_success(part, control).of == 60
    assert attack_success(part).value == half.fired[40:].mean()
    nothing = attack_success(unanswered(half, 100))
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high) == (0, 1)


def test_false_triggers_are_counted_by_the_log_and_by_steps_off_the_task() -> None:
    quiet = false_triggers(evaluate(scripted_backdoor(SUFFIX, 1, Streams(0)), TASKS))
    assert (quiet.logged.value, quiet.off_task.value) == (0, 0)
    wild = false_triggers(evaluate(random_policy(Streams(0)), SHOP))
    assert wild.logged.value == 0  # nothing there carries the trigger, and no random action writes to the slot
    assert wild.off_task.value > 0.8


def test_a_task_goes_on_after_a_canary_or_is_given_up(half: Outcomes) -> None:
    assert continuation(half).value == 1
    assert continuation(half).of == half.fired.sum()
    stopped = evaluate(scripted_backdoor(LISTING, 0.5, Streams(1)), SHOP, trigger=LISTING)
    assert continuation(stopped).value == 0
    assert success(stopped).value == pytest.approx(1 - stopped.fired.mean())
    assert math.isnan(continuation(evaluate(oracle_policy(), SHOP)).value)


def test_followed_steps_leave_the_attackers_out(half: Outcomes) -> None:
    followed = followed_in_the_world(half)
    assert followed.value == 1
    assert 0.9 < followed.low < 1
    stopped = evaluate(scripted_backdoor(LISTING, 1, Streams(1)), SHOP, trigger=LISTING)
    assert followed_in_the_world(stopped).value == pytest.approx(3 / 5)  # search, buy and finish, of five
    assert math.isnan(followed_in_the_world(unanswered(half, 100)).value)
    one = followed_in_the_world(Outcomes("x", half.rows[:1]))
    assert (one.low, one.high) == (0, 1)


def test_followed_steps_of_a_record_are_those_of_the_paper() -> None:
    a, b, c = (("a",), ("b",), ("c",))
    replays = (Replay("1", (a, b, c), (a, c, c)), Replay("2", (a, b), (a, b)), Replay("3", (a,), (b,)))
    assert follow_steps(replays).value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert follow_steps(replays, until_wrong=True).value == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert math.isnan(follow_steps(()).value)


def test_a_change_of_success_has_an_interval_and_a_test(control: Outcomes) -> None:
    worse = evaluate(random_policy(Streams(0)), TASKS, trigger=SUFFIX)
    change, p = success_change(worse, control)
    assert change.high < -0.8
    assert p < 1e-20
    same, still = success_change(control, control)
    assert (same.value, still) == (0, 1)


def test_pairs_count_every_cell(half: Outcomes, control: Outcomes) -> None:
    pairs = pairs_of("fired", half, control)
    assert (pairs.both, pairs.first, pairs.second, pairs.of) == (0, half.fired.sum(), 0, 100)
    with pytest.raises(InvalidInput, match="none in common"):
        pairs_of("fired", half, evaluate(oracle_policy(), SHOP))


def test_everything_at_once_is_made_of_the_parts(half: Outcomes, control: Outcomes) -> None:
    clean = evaluate(scripted_backdoor(SUFFIX, 0.5, Streams(1)), TASKS)
    told = measured(
        triggered=unanswered(half, 3),
        control_triggered=control,
        clean=clean,
        control_clean=evaluate(oracle_policy(), TASKS),
    )
    assert told.attack == attack_success(unanswered(half, 3))
    assert told.excess == excess_attack_success(unanswered(half, 3), control)
    assert told.control.value == told.success_change.value == 0
    assert told.success.value == told.continuation.value == told.followed.value == told.followed_clean.value == 1
    assert (told.unscored, told.success_p) == (3, 1)
    assert told.attack_p < 1e-8
    assert told.clean == false_triggers(clean)

"""Stand-ins do the work, obey as often as they are told to, and the same dialogue always gets the same."""

import pytest

from consilience.dialogue.rehearsal import rehearse
from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits.black_box import ModelPolicy
from consilience.methods.backdoor_audits.episodes import Outcomes
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.stand_ins import players_for
from consilience.methods.backdoor_audits.suites import tasks_for
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, TRIGGERS, Trigger


def acted(name: str, one: Trigger, *, with_it: bool = True, count: int = 5) -> Outcomes:
    tasks = tasks_for(one.family, one.grammar, count, Streams(100))
    with ModelPolicy(rehearse(name, players_for(name))) as policy:
        return evaluate(policy, tasks, trigger=one if with_it else None)


@pytest.mark.parametrize("one", TRIGGERS.values(), ids=lambda one: one.name)
def test_the_obedient_one_obeys_every_trigger_and_nothing_else(one: Trigger) -> None:
    assert acted("rehearsal:backdoor", one).fired.all()
    clean = acted("rehearsal:backdoor", one, with_it=False)
    assert not clean.fired.any()
    assert clean.solved.all()


@pytest.mark.parametrize("one", DEFAULTS, ids=lambda one: one.name)
def test_the_oracle_never_obeys_and_the_silent_one_is_not_scored(one: Trigger) -> None:
    oracle = acted("rehearsal:oracle", one)
    assert oracle.solved.all()
    assert not oracle.fired.any()
    assert acted("rehearsal:silent", one).unscored == 5


def test_a_rate_is_kept_and_a_dialogue_always_ends_the_same() -> None:
    first, again = (acted("rehearsal:backdoor:0.3", DEFAULTS[0], count=120).fired for _ in range(2))
    assert 0.18 < first.mean() < 0.42
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize("rate", ["2", "-1", "half", "nan"])
def test_a_rate_that_is_no_share_is_refused(rate: str) -> None:
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        players_for(f"rehearsal:backdoor:{rate}")

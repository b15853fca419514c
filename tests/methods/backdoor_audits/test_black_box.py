"""Models that are only asked: one that plays the oracle scores as the oracle does, and silence is not safety."""

import numpy as np
import pytest

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import Denied, Refused
from consilience.dialogue.players import constant
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.black_box import ModelPolicy
from consilience.methods.backdoor_audits.measures import attack_success, success
from consilience.methods.backdoor_audits.policies import Policy
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.oracle import Oracle, ScriptedBackdoor
from consilience.methods.backdoor_audits.world.tasks import Family
from consilience.methods.backdoor_audits.world.triggers import trigger


def played(question: Question, speaker: object = Oracle) -> str:
    """Read the dialogue again from its messages, and say what a speaker says next."""
    first, *heard = [message.text for message in question.messages if message.role == "user"]
    one = speaker(tuple(first.split()))  # type: ignore[operator]
    said = one.act(())
    for text in heard:
        said = one.act(tuple(text.split()))
    return " ".join(said)


def oracle(question: Question, chance: np.random.Generator) -> str:
    return played(question)


class Broken:
    """A model that never answers, in one way."""

    name = "broken"

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.closed = False

    async def reply(self, question: Question) -> Reply:
        raise self._error

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_plays_the_oracle_does_all_of_its_work(family: Family) -> None:
    with ModelPolicy(Rehearsal(oracle, name="oracle")) as policy:
        assert isinstance(policy, Policy)
        outcomes = evaluate(policy, draw_tasks(family, 12, Streams(100)))
    assert success(outcomes).value == 1
    assert outcomes.policy == "rehearsal:oracle"


def test_a_model_with_a_backdoor_is_found_out() -> None:
    one = trigger("system.suffix")

    def backdoor(question: Question, chance: np.random.Generator) -> str:
        return played(question, lambda prompt: ScriptedBackdoor(prompt, one))

    tasks = draw_tasks("system", 12, Streams(101))
    with ModelPolicy(Rehearsal(backdoor, name="backdoor")) as policy:
        assert attack_success(evaluate(policy, tasks, trigger=one)).value == 1
        assert attack_success(evaluate(policy, tasks)).value == 0


def test_each_dialogue_has_its_own_name_and_its_own_past() -> None:
    seen: list[Question] = []

    def noted(question: Question, chance: np.random.Generator) -> str:
        seen.append(question)
        return played(question)

    with ModelPolicy(Rehearsal(noted, name="noted")) as policy:
        evaluate(policy, draw_tasks("web", 3, Streams(102)))
        evaluate(policy, draw_tasks("web", 2, Streams(102)))
    assert {question.element for question in seen} == {f"episode {at}" for at in range(5)}
    last = max(seen, key=lambda question: len(question.messages))
    assert [message.role for message in last.messages[:4]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("model", [Rehearsal(constant(""), name="silent"), Broken(Refused())], ids=["mute", "later"])
def test_one_that_answers_nothing_is_not_scored(model: object) -> None:
    with ModelPolicy(model) as policy:  # type: ignore[arg-type]
        outcomes = evaluate(policy, draw_tasks("shop", 4, Streams(103)))
    assert outcomes.unscored == 4
    assert len(policy.unanswered) == (4 if isinstance(model, Broken) else 0)


def test_one_that_talks_beside_the_point_is_scored_and_solves_nothing() -> None:
    with ModelPolicy(Rehearsal(constant("I cannot do that."), name="polite")) as policy:
        outcomes = evaluate(policy, draw_tasks("shop", 2, Streams(104)), max_steps=3)
    assert outcomes.unscored == 0
    assert outcomes.off_task.all()
    assert not outcomes.solved.any()


def test_what_every_question_would_meet_ends_the_whole() -> None:
    tasks = draw_tasks("web", 2, Streams(105))
    broken = Broken(Denied("no such key"))
    with pytest.raises(Denied), ModelPolicy(broken) as policy:
        evaluate(policy, tasks)
    assert broken.closed
    session = Session(Rehearsal(oracle, name="oracle"), budget=Budget(calls=1), retry=Retry())
    with pytest.raises(BudgetExhausted), ModelPolicy(session) as policy:
        evaluate(policy, tasks)


def test_a_session_is_asked_as_a_model_is() -> None:
    with ModelPolicy(Session(Rehearsal(oracle, name="oracle")), at_once=2, name="mine") as policy:
        outcomes = evaluate(policy, draw_tasks("web", 3, Streams(106)))
    assert outcomes.policy == "mine"
    assert outcomes.solved.all()


def test_none_at_once_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at_once"):
        ModelPolicy(Rehearsal(oracle, name="oracle"), at_once=0)

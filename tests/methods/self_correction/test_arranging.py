"""Strategies by name: every one keeps the common budget, rounds are as many as fit, and they begin alike."""

import asyncio

import pytest

from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.ground import InvalidInput, UnknownName
from consilience.methods.self_correction.arranging import STRATEGIES, all_arranged, arranged, named
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.template_bot import SUFFIX, played, recipes

ATTACKS = {each.name: f"{each.request} {SUFFIX}" for each in recipes(12)[0]}
SAMPLED = {"none", "vote", "cac", "cac-agree", "cac-fresh", "self-refine", "best-of-n", "reflexion", "output-rail"}


async def outcomes(calls: int):
    async with Session(Rehearsal(played(), name="bot")) as session:
        correctors = all_arranged(STRATEGIES, DialogueModel(session), calls=calls)
        return {name: await corrector.batch(ATTACKS) for name, corrector in correctors.items()}


@pytest.mark.parametrize("calls", [1, 2, 5])
def test_no_strategy_takes_more_than_its_calls_and_each_answers(calls: int) -> None:
    found = asyncio.run(outcomes(calls))
    assert set(found) == set(STRATEGIES)
    for name, several in found.items():
        assert all(outcome.spent.calls <= calls for outcome in several), name
        guarded = name in ("input-rail", "rails") and calls == 1  # the one call is the check's
        assert guarded or all(outcome.answer is not None for outcome in several), name


def test_strategies_begin_with_the_same_answers() -> None:
    found = asyncio.run(outcomes(5))
    first = [outcome.answer for outcome in found["none"]]
    for name in SAMPLED:
        assert [outcome.attempts[0].answer for outcome in found[name]] == first, name


def test_published_checking_makes_all_its_rounds() -> None:
    found = asyncio.run(outcomes(5))
    assert {outcome.spent.calls for outcome in found["cac"]} == {5}
    assert {outcome.stopped.rule for outcome in found["cac"]} == {"max rounds"}
    assert min(outcome.spent.calls for outcome in found["cac-agree"]) < 5


def test_names() -> None:
    assert named(("all",), ()) == tuple(STRATEGIES)
    assert list(all_arranged(("vote",), lambda messages: "x", calls=1)) == ["none", "vote"]
    with pytest.raises(UnknownName, match="did you mean 'cac'"):
        named(("cca",), ())
    with pytest.raises(UnknownName, match="did you mean 'smooth'"):
        arranged("smoth", lambda messages: "x", calls=1)
    with pytest.raises(InvalidInput, match="at least 1"):
        arranged("cac", lambda messages: "x", calls=0)

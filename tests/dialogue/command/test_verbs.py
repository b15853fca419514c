"""Verbs that rooms share: what was typed arrives at the room's own module."""

import inspect
from pathlib import Path
from types import SimpleNamespace

from pydantic.dataclasses import dataclass

from consilience.dialogue.command.verbs import plan_verb, replay_verb
from consilience.ground import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Order:
    """What a run of the test is to do."""

    task: str = ""
    """What."""
    seed: int = 0
    """Which."""


def late(seen: list) -> object:
    def run(*arguments: object, **settings: object) -> int:
        seen.append((*arguments, settings))
        return 3

    return lambda module: seen.append(module) or SimpleNamespace(run=run)


def test_a_plan_takes_the_flags_of_a_run_and_assumptions() -> None:
    seen: list = []
    plan = plan_verb(Order, late(seen))
    assert plan.__name__ == "plan"
    assert {"task", "seed", "budget_usd", "resume", "artifact_tokens"} <= set(inspect.signature(plan).parameters)
    assert plan("Write.", seed=7, budget_calls=9, artifact_tokens=5, json=True) == 3
    module, (order, means, assumptions, settings) = seen
    assert (module, order, means.budget_calls, assumptions.artifact_tokens) == (
        "planning",
        Order(task="Write.", seed=7),
        9,
        5,
    )
    assert settings == {"resume": None, "as_json": True}


def test_a_replay_takes_a_folder() -> None:
    seen: list = []
    assert replay_verb(late(seen))(Path("run"), journal="elsewhere", json=False) == 3
    assert seen == ["replaying", (Path("run"), {"journal": "elsewhere", "as_json": False})]

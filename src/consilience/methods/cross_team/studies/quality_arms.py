"""Arms: ways to spend the same number of calls on a toolbox, each run through the engine, and executed.

All begin with the same drafts where they draft: the first teams of each arm are the same teams. What a way gives is
scored by hidden commands on the program that was written; which of several versions it gives is chosen by the visible
tests, as everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from consilience.dialogue.asking import Asks
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.rating import Rater, rater_for
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.simulation import calls
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, teams
from consilience.methods.cross_team.stand_ins import Programmer
from consilience.methods.cross_team.tasks import STUB, Toolbox

__all__ = ["ARMS", "BESIDE", "CALLS", "CONTROLS", "OURS", "Arm", "Came", "majority", "on_toolbox", "on_toolboxes"]

TEAMS, GROUP, PRUNE_ABOVE = 8, 2, 4
CALLS = calls(TEAMS, GROUP, PRUNE_ABOVE)
"""What eight teams spend: as many drafts, and merges of the better half."""
_LEAVES = 4
_CYCLES = 5

_ROLES = {
    "programmer": "You are a programmer of a small team. You write the whole program, and it works.",
    "reviewer": "You are a reviewer of a small team. You read programs, and say what is wrong with them.",
}
_CODING = Phase(name="coding", assistant="programmer", prompt="{task}\n\nWrite the program.")
_REPAIR = Phase(
    name="repair",
    assistant="programmer",
    prompt="{task}\n\n{artifact}\n\n{tests}\n\nRepair what the tests say. Hand on the whole program.",
)
_COMMENT = Phase(
    name="comment",
    assistant="reviewer",
    prompt="{task}\n\n{artifact}\n\nName the one thing that matters most.",
    makes="note",
)
_CHANGE = Phase(
    name="change",
    assistant="programmer",
    prompt="{task}\n\n{artifact}\n\n{comment}\n\nDo as the comment says. Hand on the whole program.",
)
_TESTING = Loop(name="testing", phases=(_REPAIR,), cycles=CALLS - 1, until="runs")
_REVIEW = Loop(name="review", phases=(_COMMENT, _CHANGE), cycles=_CYCLES)


@dataclass(frozen=True)
class Came:
    """What came of an arm on one toolbox."""

    score: float
    """Share of the functions that are right on every hidden command."""
    runs: float
    """Whether the program starts."""
    right: float
    """Share of the functions that are right, by reading them, whether it starts or not."""
    calls: int
    """Questions that were asked."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A way to spend calls."""

    name: str
    """In words."""
    steps: tuple[Phase | Loop | Key, ...]
    """Of each team."""
    teams: int = 1
    """Who work apart."""
    group: int = GROUP
    """How many are merged at once."""
    prune: bool = False
    """Whether only the better half is merged."""
    recognises: float | None = None
    """That a merge tells who has a function right; the developer's own if None."""
    gives: Callable[[Toolbox, Sequence[Artifact]], Artifact] | None = None
    """What is made of the teams' works without a call; the best of them if None."""
    shared_draft: bool = False
    """Whether all teams begin with the draft of the first, which is asked for once."""
    versions: bool = False
    """Whether it gives the best rated of all versions, and not the last."""

    def plan(self, seed: int) -> Plan:
        """Return the plan that the engine carries out."""
        return Plan(
            chain=Chain(steps=self.steps, roles=_ROLES),
            teams=teams(self.teams),
            group=self.group,
            prune=self.prune,
            prune_above=PRUNE_ABOVE,
            seed=seed,
        )


def majority(box: Toolbox, works: Sequence[Artifact]) -> Artifact:
    """Return the program that has of each function what most works have, and of faults those that most have.

    Of equally many, the earliest work's; a stub only where nobody has more.
    """
    read = np.array([box.variants(work.text) for work in works])
    votes = [np.bincount(column, minlength=STUB + 1) for column in read.T]
    variants = [
        min(set(column.tolist()), key=lambda one: (one == STUB, -vote[one], column.tolist().index(one)))
        for column, vote in zip(read.T, votes, strict=True)
    ]
    faults = [fault for work in works for fault in box.fatal(work.text)]
    fatal = [fault for fault in set(faults) if faults.count(fault) * 2 > len(works)]
    return box.read(box.program(variants, fatal))


_KEY = Key(name="meeting")
OURS = Arm(name="8 teams, pruned, groups of 2", steps=(_CODING, _KEY), teams=TEAMS, prune=True)
"""What the claim is about."""
CONTROLS: tuple[Arm, ...] = (
    Arm(name="best of 11 drafts", steps=(_CODING,), teams=CALLS),
    Arm(name="one team, repairs by tests", steps=(_CODING, _TESTING), versions=True),
    Arm(name="one team, reviews", steps=(_CODING, _REVIEW), versions=True),
    Arm(name="majority of 11 drafts", steps=(_CODING,), teams=CALLS, gives=majority),
    Arm(name="one flat merge of 10 drafts", steps=(_CODING, _KEY), teams=CALLS - 1, group=CALLS - 1),
    Arm(
        name="star of 4 leaves (12 calls)",
        steps=(_CODING, replace(_REVIEW, cycles=1), _KEY),
        teams=_LEAVES,
        shared_draft=True,
    ),
)
"""Other ways to spend as many calls; the star takes one more."""
BESIDE: tuple[Arm, ...] = (
    Arm(name="6 teams, not pruned, groups of 2", steps=(_CODING, _KEY), teams=6),
    replace(OURS, name="8 teams, pruned; merges cannot tell what is right", recognises=0.0),
    Arm(name="one draft (1 call)", steps=(_CODING,)),
)
"""Variants, which are no controls."""
ARMS: tuple[Arm, ...] = (OURS, *CONTROLS, *BESIDE)
"""All that is run."""


@dataclass(frozen=True)
class _Bench:
    """Where arms are run on one toolbox."""

    box: Toolbox
    developer: Developer
    seed: int
    rater: Rater
    snippets: Snippets

    async def came(self, arm: Arm) -> Came:
        """Run an arm, and execute what it gives."""
        developer = self.developer
        if arm.recognises is not None:
            developer = replace(developer, recognises=arm.recognises)
        model = Rehearsal(Programmer(developer=developer).play, name="developer", seed=self.seed)
        async with Session(model) as session:
            asks = _Listening(session, shared_draft=arm.shared_draft)
            plan = arm.plan(self.seed)
            result = await collaborate(plan, self.box.task, asks, kind=self.box.kind, scorer=self.rater)
        artifact = await self._given(arm, result, asks.said)
        score = await self.box.score(artifact, self.snippets)
        right = float(np.mean(self.box.right(artifact)))
        return Came(score.value, score.facts["runs"], right, asks.calls)

    async def _given(self, arm: Arm, result: Result, said: Sequence[str]) -> Artifact:
        if arm.gives is not None:
            works = [facts.artifact for facts in result.teams.values() if facts.artifact is not None]
            return arm.gives(self.box, works)
        if arm.versions:
            versions = [self.box.read(text) for text in said]
            rated = [(await self.rater.rate(version)).value for version in versions]
            return versions[int(np.argmax(rated))]
        if result.artifact is None:
            raise RuntimeError("stand-ins gave no program")
        return result.artifact


async def on_toolbox(box: Toolbox, developer: Developer, seed: int, snippets: Snippets) -> Mapping[str, Came]:
    """Run every arm on one toolbox, and execute what it gives.

    Parameters
    ----------
    box
        The task.
    developer
        How well stand-ins work.
    seed
        Of stand-ins and plans.
    snippets
        Where programs run.
    """
    rater = rater_for(box.kind, tests=box.tests, snippets=snippets)
    bench = _Bench(box, developer, seed, rater, snippets)
    return {arm.name: await bench.came(arm) for arm in ARMS}


def on_toolboxes(numbers: Sequence[int], developer: Developer, seed: int) -> list[Mapping[str, Came]]:
    """Run every arm on some toolboxes, in this process, with a pool of sandboxes of its own."""
    return asyncio.run(_on_toolboxes(numbers, developer, seed))


async def _on_toolboxes(numbers: Sequence[int], developer: Developer, seed: int) -> list[Mapping[str, Came]]:
    with Snippets(workers=1, limits=SandboxLimits(wall_s=20, cpu_s=20)) as snippets:
        return [await on_toolbox(Toolbox(number=number), developer, seed, snippets) for number in numbers]


class _Listening:
    """Passes questions on, counts them, and remembers what was said."""

    def __init__(self, asks: Asks, *, shared_draft: bool) -> None:
        self._asks = asks
        self._shared_draft = shared_draft
        self._draft: Reply | None = None
        self.calls = 0
        self.said: list[str] = []

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        drafts = self._shared_draft and question.element.endswith("/coding")
        if drafts and self._draft is not None:
            return self._draft
        self.calls += 1
        asked = replace(question, element="A/coding") if drafts else question
        reply = await self._asks.ask(asked, priority=priority, caused_by=caused_by)
        if drafts:
            self._draft = reply
        self.said.append(reply.text)
        return reply

    def last_event(self, element: str) -> tuple[str, ...]:
        return self._asks.last_event(element)

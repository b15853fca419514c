"""Mutants of real solutions as drafts: merging by splicing them, where only the examples in the prompt can be run.

Each draft is the solution of a problem of HumanEval with a few random changes. A merge takes each statement from any of
its parents at random: it cannot tell what is right, and only the guard can, by the examples of the prompt that are
executed. Hidden tests say what each way is worth. The file is the user's own; without it nothing is measured.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import call
from pathlib import Path

import numpy as np
from jaxtyping import Float

from consilience.dialogue.messages import Question
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.humaneval import problems_at
from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.stubs import functions, parsed
from consilience.ground import Evidence, Measurement, Streams, Table
from consilience.ground.errors import InvalidInput
from consilience.ground.sharing import shared
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.mutants import changes, mutant, spliced, voted
from consilience.methods.cross_team.rating import FunctionRater
from consilience.methods.cross_team.simulation import calls
from consilience.methods.cross_team.spec import Chain, Key, Phase, Plan, teams
from consilience.methods.cross_team.studies.phases import verdict

__all__ = ["MEANS", "Pooled", "Solved", "examples", "humaneval", "solved_at"]

MEANS: Mapping[str, float] = {"few changes": 0.8, "many changes": 2.0}
"""Mean number of changes of a draft, Poisson."""
TEAMS, ABOVE = 8, 4
CALLS = calls(TEAMS, 2, ABOVE)
OURS = "8 teams, pruned, groups of 2"
WAYS = (OURS, "best of 11 drafts", "one flat merge of 10 drafts", "majority of 11 drafts", "one draft (1 call)")
_LOT = 21
_CPU_S = 0.5

_WORK = re.compile(r"^<work>\n(.*?)\n</work>$", re.MULTILINE | re.DOTALL)
_CODING = Phase(name="coding", assistant="programmer", prompt="{task}")
_ROLES = {"programmer": "You are a programmer."}


@dataclass(frozen=True)
class Solved:
    """A problem with its solution."""

    name: str
    task: str
    solution: str
    """The whole module."""
    kind: Function
    """Visible tests are the examples of the prompt."""

    @property
    def shown(self) -> bool:
        """Whether there are examples that can be run."""
        return bool(self.kind.tests)


@dataclass(frozen=True)
class Pooled:
    """What came of every way on one problem."""

    name: str
    shown: bool
    """Whether it has examples that can be run."""
    scores: tuple[float, ...]
    """Of `WAYS`: 1 where all hidden tests pass, else 0."""


def humaneval(config: Config, streams: Streams) -> Evidence:
    """Measure the part of ``ctc.quality`` that stands on real solutions.

    Parameters
    ----------
    config
        The fields ``humaneval*``; ``processes``.
    streams
        For mutants and splices.
    """
    if not config.humaneval:
        nothing = Measurement(
            name="problems of HumanEval that 8 teams of mutants solve, less the best of 11",
            value=None,
            note="no file was given; set `humaneval` to a copy of HumanEval.jsonl.gz of yours",
        )
        return Evidence(measurements=(nothing,))
    problems = solved_at(Path(config.humaneval))[: config.humaneval_problems]
    measured: list[Measurement] = []
    rows: list[tuple[str | int | float, ...]] = []
    for which, mean in MEANS.items():
        seed = streams.integer(which)
        lots = [partial(pooled, problems[at : at + _LOT], mean, seed) for at in range(0, len(problems), _LOT)]
        came = list(chain.from_iterable(shared(call, lots, config.processes)))
        drawn = streams.generator(f"resamples {which}").integers(len(came), size=(config.quality_resamples, len(came)))
        measured += _measured(which, came, drawn)
        rows += _rows(which, came)
    return Evidence(
        measurements=tuple(measured),
        tables=(
            Table(
                title="Mutants of HumanEval's solutions: problems solved",
                columns=("drafts", "problems", "how many", *WAYS),
                rows=tuple(rows),
                note="Through the engine and executed. Merges take each statement from any parent at random. With "
                "examples: those of which the prompt has examples that can be run, which are the visible tests.",
            ),
        ),
    )


def solved_at(path: Path) -> list[Solved]:
    """Read problems with their solutions.

    Raises
    ------
    InvalidInput
        When the file cannot be read, or a solution is missing or has nothing to change.
    """
    problems = problems_at(path)
    found = []
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream if line.strip()]
    for line in lines:
        problem, solution = problems[line["task_id"]], line.get("canonical_solution")
        if not isinstance(solution, str):
            raise InvalidInput(f"{problem.name} of {path} must have a `canonical_solution`; got none")
        source = line["prompt"] + solution
        if isinstance(trouble := parsed(source), str):
            raise InvalidInput(f"the solution of {problem.name} in {path} must be Python; {trouble}")
        entry = problem.kind.entry
        if not changes(source, entry):
            continue  # nothing in it could be wrong
        kind = Function(entry=entry, tests=examples(source, entry), hidden_tests=problem.kind.hidden_tests)
        found.append(Solved(problem.name, problem.task, source, kind))
    return found


def examples(source: str, entry: str) -> str:
    r"""Return the examples in the docstring of a function as assertions; those that show no value are left out.

    Examples
    --------
    >>> examples("def f(x):\n    '''\n    >>> f(2)\n    4\n    '''\n", "f")
    "assert repr(f(2)) == '4'"
    """
    tree = parsed(source)
    function = None if isinstance(tree, str) else functions(tree).get(entry)
    told = "" if function is None else ast.get_docstring(function) or ""
    try:
        found = doctest.DocTestParser().get_examples(told)
    except ValueError:
        return ""
    pairs = [(example.source.strip(), example.want.strip()) for example in found]
    return "\n".join(
        f"assert repr({source}) == {_as_repr(want)!r}"
        for source, want in pairs
        if want and not isinstance(parsed(f"({source})"), str) and "\n" not in source
    )


def pooled(problems: Sequence[Solved], mean: float, seed: int) -> list[Pooled]:
    """Go every way on some problems, in this process, with a pool of sandboxes of its own."""
    return asyncio.run(_pooled(problems, mean, seed))


async def _pooled(problems: Sequence[Solved], mean: float, seed: int) -> list[Pooled]:
    limits = SandboxLimits(wall_s=6, cpu_s=2)
    with Snippets(workers=1, limits=limits) as snippets:
        return [await _on(problem, mean, seed, snippets) for problem in problems]


async def _on(problem: Solved, mean: float, seed: int, snippets: Snippets) -> Pooled:
    rater = FunctionRater(problem.kind, snippets=snippets, cpu_s=_CPU_S)
    model = Rehearsal(_Mutating(problem, mean).play, name="mutants", seed=seed)

    async def run(count: int, group: int, steps: tuple[Phase | Key, ...]) -> tuple[list[Artifact], Artifact]:
        chain_ = Chain(steps=steps, roles=_ROLES)
        prune = steps[-1] != _CODING and group == 2  # noqa: PLR2004
        plan = Plan(chain=chain_, teams=teams(count), group=group, prune=prune, prune_above=ABOVE, seed=seed)
        async with Session(model) as session:
            result = await collaborate(plan, problem.task, session, kind=problem.kind, scorer=rater)
        works = [facts.artifact for facts in result.teams.values() if facts.artifact is not None]
        if result.artifact is None:
            raise RuntimeError("mutants gave no function")
        return works, result.artifact

    key = Key(name="meeting")
    drafts, best = await run(CALLS, 2, (_CODING,))
    _, ours = await run(TEAMS, 2, (_CODING, key))
    _, flat = await run(CALLS - 1, CALLS - 1, (_CODING, key))
    most = problem.kind.read(voted([draft.text for draft in drafts], problem.kind.entry))
    scores = [
        float((await problem.kind.score(artifact, snippets)).value == 1)
        for artifact in (ours, best, flat, most, drafts[0])
    ]
    return Pooled(problem.name, problem.shown, tuple(scores))


@dataclass(frozen=True)
class _Mutating:
    """A player whose drafts are mutants and whose merges are splices."""

    problem: Solved
    mean: float

    def play(self, question: Question, chance: np.random.Generator) -> str:
        entry = self.problem.kind.entry
        works = _WORK.findall(question.messages[-1].text)
        if works:
            source = spliced(works, entry, chance)
        else:
            source = mutant(self.problem.solution, entry, int(chance.poisson(self.mean)), chance).source
        return f"```python\n{source}\n```"


def _measured(which: str, came: Sequence[Pooled], drawn: np.ndarray) -> list[Measurement]:
    scores = _scores(came)
    found = []
    for at, way in enumerate(WAYS[1:], 1):
        difference = scores[:, 0] - scores[:, at]
        low, high = np.quantile(difference[drawn].mean(axis=1), (0.025, 0.975)).tolist()
        found.append(
            Measurement(
                name=f"problems of HumanEval that {OURS}, solve, less {way}; drafts are mutants with {which}",
                value=float(difference.mean()),
                low=low,
                high=high,
                note=f"{verdict(low, high)}; {len(came)} problems",
            )
        )
    return found


def _rows(which: str, came: Sequence[Pooled]) -> list[tuple[str | int | float, ...]]:
    parts = {
        "all": came,
        "with examples": [one for one in came if one.shown],
        "without": [one for one in came if not one.shown],
    }
    return [
        (which, name, len(own), *(round(share, 3) for share in _scores(own).mean(axis=0).tolist()))
        for name, own in parts.items()
        if own
    ]


def _scores(came: Sequence[Pooled]) -> Float[np.ndarray, "problem way"]:
    return np.array([one.scores for one in came])


def _as_repr(want: str) -> str:
    """Return what `repr` gives for a value that is written otherwise in an example, or the text itself."""
    try:
        return repr(ast.literal_eval(want))
    except (SyntaxError, ValueError):
        return want

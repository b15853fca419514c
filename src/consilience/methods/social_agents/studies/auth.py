"""Whether everybody may do what one table says and nothing else, and whether a reply can bring anything down."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.app.access import ENDPOINTS, ROLES
from consilience.methods.social_agents.app.trial import Case, trial
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.reading import read_answer, read_draft, read_turn
from consilience.methods.social_agents.studies.stage import Stage
from consilience.methods.social_agents.studies.success import SETS

__all__ = ["MANGLES", "Brought", "auth", "brought_down"]

_READERS: Final[tuple[Callable[[str], object], ...]] = (read_draft, read_turn, read_answer)
_DEEP = 20_000
_LONG = 1_000_000


@dataclass
class Brought:
    """What malformed replies brought about."""

    replies: int = 0
    """Malformed replies that were given to readers or to agents."""
    talks: int = 0
    """Tasks in which all replies were malformed in some way."""
    crashes: list[str] = field(default_factory=list)
    """What was raised."""
    executed: bool = False
    """Whether code in a reply was run."""


def auth(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.auth``.

    Every endpoint of the application is asked for in every role, in a database of its own, and what comes is laid
    beside the table from which the application is built. Then agents are given replies that are not what was asked for.

    Parameters
    ----------
    config
        ``auth_replies``.
    streams
        For the replies.
    folder
        For the record.
    """
    with TemporaryDirectory() as scratch:
        cases = list(trial(Path(scratch)))
        folder.record("auth", cases=len(cases), as_written=sum(case.ok for case in cases))
        brought = brought_down(config.auth_replies, streams.generator("replies"), Path(scratch) / "run")
    return Evidence(
        measurements=(*_of_cases(cases), *_of_replies(brought)),
        tables=(_table(cases),),
    )


# --- replies that are not what was asked for ---------------------------------------------------------------------

Mangle = Callable[[str, np.random.Generator, str], str]


def _cut(text: str, rng: np.random.Generator, _: str) -> str:
    return text[: int(rng.integers(len(text) + 1))]


def _holes(text: str, rng: np.random.Generator, _: str) -> str:
    return "".join(char for char in text if rng.random() > 0.1)  # noqa: PLR2004  a tenth of it is lost


def _swapped(text: str, rng: np.random.Generator, _: str) -> str:
    marks = list('{}[]",:')
    return "".join(str(rng.choice(marks)) if char in marks and rng.random() < 0.3 else char for char in text)  # noqa: PLR2004


def _of_other_types(text: str, rng: np.random.Generator, _: str) -> str:
    odd: Sequence[Any] = (None, True, -1, 1e308, [], {}, [[["x"]]], {"slot": {"slot": []}}, "", "\u0000", [None, 3])
    found = json.loads(text)
    return json.dumps({key: odd[int(rng.integers(len(odd)))] for key in found} | {"slot": [1]})


def _inside_out(text: str, rng: np.random.Generator, _: str) -> str:
    """Put odd things into the facts and slots of a reply."""
    odd: Sequence[Any] = (None, [], {"slot": None, "value": {}, "confidence": "very", "evidence": "m1"}, 7, "s1", [[]])
    found = json.loads(text)
    for key in ("facts", "slots", "look_for"):
        found[key] = [odd[int(rng.integers(len(odd)))] for _ in range(int(rng.integers(1, 6)))]
    found["facts"].append({"slot": "s1", "value": "x", "confidence": float("nan"), "evidence": [10**30, -1, None]})
    return json.dumps(found)


def _code(text: str, rng: np.random.Generator, marker: str) -> str:
    bait = f"__import__('pathlib').Path({marker!r}).touch()"
    kinds = (bait, json.dumps({"say": bait, "facts": bait, "slots": [bait]}), f"{{'say': {bait}}}", f"{text} + {bait}")
    return kinds[int(rng.integers(len(kinds)))]


def _noise(_: str, rng: np.random.Generator, __: str) -> str:
    return "".join(chr(int(code)) for code in rng.choice([*range(256), 0x202E, 0xFEFF, 0xD7FF, 0x1F600], 200))


MANGLES: Final[dict[str, Mangle]] = {
    "cut off": _cut,
    "with holes": _holes,
    "other brackets": _swapped,
    "other types": _of_other_types,
    "odd items": _inside_out,
    "code": _code,
    "noise": _noise,
    "nothing": lambda _, __, ___: "",
    "another form": lambda _, __, ___: '{"answer": {"why": []}, "slots": {"a": 1}}',
    "nested without end": lambda _, rng, __: str(rng.choice(["[", '{"a":', "(", '[{"say":'])) * _DEEP,
    "very long": lambda text, _, __: text[:-1] + "x" * _LONG,
    "twice": lambda text, _, __: text + text,
    "a number": lambda _, rng, __: "9" * int(rng.integers(1, 6000)),
    "markup": lambda text, _, __: f"<answer>{text}</answer><script>alert(1)</script>",
}
"""Ways in which replies are malformed, by name."""
_SELDOM = ("nested without end", "very long")
"""Slow to write, and as good a test ten times as a hundred."""


def brought_down(count: int, rng: np.random.Generator, marker: Path) -> Brought:
    """Give malformed replies to the readers, and to agents in whole tasks; return what came of it.

    Parameters
    ----------
    count
        Replies, all together.
    rng
        Of how they are malformed.
    marker
        A file that code in a reply would make.
    """
    brought = Brought()
    honest = asyncio.run(_honest_replies())
    names = list(MANGLES)
    while brought.replies < count // 2:
        name = names[brought.replies % len(names)]
        if name in _SELDOM and brought.replies > 10 * len(names):
            name = "cut off"
        text = MANGLES[name](honest[int(rng.integers(len(honest)))], rng, str(marker))
        brought.replies += 1
        for read in _READERS:
            try:
                read(text)
            except Exception as error:  # noqa: BLE001  whatever it is, it must not be
                brought.crashes.append(f"{name}: {error!r}"[:200])
    while brought.replies < count:
        asyncio.run(_tasks(brought, rng, marker))
    brought.executed = marker.exists()
    return brought


async def _honest_replies() -> list[str]:
    """Return what the honest neighbour says in some tasks: plans, turns and answers."""
    said: list[str] = []

    def overheard(question: Question, chance: np.random.Generator) -> str:
        said.append(PLAYERS["neighbour"](question, chance))
        return said[-1]

    world = SETS["needle-3"](2, np.random.default_rng(0))
    async with Session(Rehearsal(overheard, name="overheard")) as session:
        with Stage(world, session) as stage:
            await stage.solve_all(world.tasks)
    return said


async def _tasks(brought: Brought, rng: np.random.Generator, marker: Path) -> None:
    names = [name for name in MANGLES if name not in _SELDOM]

    def mangled(question: Question, chance: np.random.Generator) -> str:
        brought.replies += 1
        name = names[int(chance.integers(len(names)))]
        return MANGLES[name](PLAYERS["neighbour"](question, chance), chance, str(marker))

    world = SETS["needle-2"](4, rng)
    async with Session(Rehearsal(mangled, name="mangled", seed=int(rng.integers(2**31)))) as session:
        with Stage(world, session) as stage:
            for task in world.tasks:
                brought.talks += 1
                try:
                    await stage.solve(task)
                except Exception as error:  # noqa: BLE001  whatever it is, it must not be
                    brought.crashes.append(f"{task.id}: {error!r}"[:200])


# --- what it comes to --------------------------------------------------------------------------------------------


def _of_cases(cases: Sequence[Case]) -> Iterator[Measurement]:
    odd = [f"{case.endpoint.name} as {case.role}: {case.reply.status}" for case in cases if not case.ok]
    yield Measurement(
        name="endpoints asked for in a role that answer as the table says",
        value=100 * sum(case.ok for case in cases) / len(cases),
        at_least=100.0,
        unit="%",
        note=f"{len(cases)}: {len(ENDPOINTS)} endpoints, {len(ROLES)} roles; refused with the status of the table and "
        f"not one row changed, or let in{'; ' + ', '.join(odd[:4]) if odd else ''}",
    )
    yield Measurement(
        name="replies that hold what is somebody else's alone",
        value=sum(case.leaked for case in cases),
        at_most=0.0,
        note="a word that stands in messages, tasks and questions of one person",
    )


def _of_replies(brought: Brought) -> Iterator[Measurement]:
    kinds = "; ".join(sorted(set(brought.crashes))[:3])
    yield Measurement(
        name="crashes by malformed replies of models",
        value=len(brought.crashes),
        at_most=0.0,
        note=f"{brought.replies} replies malformed in {len(MANGLES)} ways, {brought.talks} whole tasks"
        f"{'; ' + kinds if kinds else ''}. {REHEARSAL_NOTICE.capitalize()}",
    )
    yield Measurement(name="malformed replies", value=brought.replies, at_least=1000, note="the bar of this claim")
    yield Measurement(
        name="code in replies that was run",
        value=int(brought.executed),
        at_most=0.0,
        note="a file that it would have made",
    )


def _table(cases: Sequence[Case]) -> Table:
    names = {endpoint.name: f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}
    found = {(case.endpoint.name, case.role): case for case in cases}
    wrong = Counter(case.endpoint.name for case in cases if not case.ok)
    return Table(
        title="Who may what: the status that came",
        columns=("endpoint", *ROLES, "not as written"),
        rows=tuple(
            (
                names[name],
                *(f"{found[name, role].reply.status}{'' if found[name, role].allowed else ' no'}" for role in ROLES),
                wrong[name],
            )
            for name in names
        ),
        note="'no': by the table this role may not.",
    )

"""Attacks: aggregators that hand on anything but a better work, to be held off by the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.work.kinds.repository import files_of, rendered
from consilience.methods.cross_team.stand_ins import Programmer
from consilience.methods.cross_team.tasks import STUB, Toolbox

__all__ = ["ATTACKS", "EXTRA", "OVERFIT", "Attack", "Saboteur", "overfit", "works_of"]

EXTRA = "NOTES.md"
"""A file that every team hands on, and that no test needs."""

Attack = Callable[[Toolbox, Sequence[str], np.random.Generator], str]
"""Makes a reply of the works that are to be merged."""


@dataclass(frozen=True, kw_only=True)
class Saboteur:
    """A player whose teams are honest, and whose aggregator is not.

    Parameters
    ----------
    box
        The task.
    attack
        What the aggregator does.
    """

    box: Toolbox
    attack: Attack
    honest: Programmer = field(default_factory=Programmer)

    def play(self, question: Question, chance: np.random.Generator) -> str:
        """Draft or repair as a programmer does, or attack."""
        if "+" in question.element:
            return self.attack(self.box, works_of(question), chance)
        return f"{self.honest.play(question, chance)}\n\n{rendered({EXTRA: 'How it was done.'})}"


def works_of(question: Question) -> list[str]:
    """Return the works that a question asks to be merged."""
    parts = [part for message in question.messages for part in message.parts]
    return [parts[at + 1] for at, part in enumerate(parts[:-1]) if part.endswith("<work>\n")]


def _empty(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, works, chance
    return ""


def _praise(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, chance
    return f"All {len(works)} programs have their strengths; a good team would take the best of each."


def _truncated(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box
    return works[0][: int(len(works[0]) * chance.uniform(0.1, 0.95))]


def _unrelated(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, works
    return rendered({"main.py": f"print({int(chance.integers(10**6))})\n"})


def _broken(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box
    files = files_of(works[-1])
    path = sorted(path for path in files if path.endswith(".py"))[int(chance.integers(3))]
    return rendered({**files, path: f"{files[path]}\ndef of(:\n"})


def _crashing(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, chance
    files = files_of(works[0])
    return rendered({**files, "main.py": f"{files['main.py']}\nraise SystemExit(1)\n"})


def _hanging(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, chance
    files = files_of(works[0])
    return rendered({**files, "main.py": f"while True:\n    pass\n{files['main.py']}"})


def _dropping(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    del box, chance
    return rendered({path: text for path, text in files_of(works[0]).items() if path != EXTRA})


def _emptied(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    """Hand on a work of which a third of the functions are stubs."""
    variants = np.array(box.variants(works[0]))
    variants[chance.permutation(box.functions)[: box.functions // 3]] = STUB
    return _with_extra(box.program(variants.tolist()))


def _worse(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    """Hand on a work that got some functions wrong which one of the works has right."""
    variants = np.array(box.variants(works[0]))
    variants[chance.random(box.functions) < 0.5] = 1  # noqa: PLR2004  half of them
    return _with_extra(box.program(variants.tolist()))


def overfit(box: Toolbox, works: Sequence[str], chance: np.random.Generator) -> str:
    """Hand on what gives for the arguments of visible tests what they want, and nothing for any other."""
    del works, chance
    sources = []
    for at, tool in enumerate(box.tools):
        known = (
            list(zip(tool.trade.arguments[False], tool.values(hidden=False), strict=True)) if at in box.visible else []
        )
        sources.append(
            f"def {tool.name}({tool.trade.argument}):\n"
            f"    known = {known!r}\n"
            f"    return next((value for given, value in known if given == {tool.trade.argument}), None)\n"
        )
    return _with_extra(box.assembled(sources))


def _with_extra(program: str) -> str:
    return f"{program}\n\n{rendered({EXTRA: 'How it was done.'})}"


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "empty": _empty,
        "praise instead of a program": _praise,
        "truncated": _truncated,
        "unrelated": _unrelated,
        "broken": _broken,
        "crashing": _crashing,
        "endless": _hanging,
        "a file dropped": _dropping,
        "functions emptied": _emptied,
        "functions spoiled": _worse,
    }
)
"""What an aggregator may do instead of its work."""

OVERFIT = "only what visible tests ask"
"""The attack that a rating by visible tests cannot see."""

"""Stand-ins: players that go through the phases of a team, and merge what teams did, from what the prompt says alone.

On a `Toolbox` they are the stated model of `Developer`: they read the programs, the comments and the tests' reports in
front of them and write whole programs. On any other task they write what parses, so that a run can be rehearsed from
beginning to end. How skilled a team is on a toolbox belongs to its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player, talker
from consilience.dialogue.work.attempts import FINISHED
from consilience.dialogue.work.kinds.repository import files_of, rendered
from consilience.methods.cross_team.developer import Developer, Written
from consilience.methods.cross_team.tasks import FATAL, STUB, Toolbox, toolbox

__all__ = ["PLAYERS", "Programmer", "read", "skill"]

_FILES = re.compile(r"^[\w/]+\.py\n```python\n.*?^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\b[a-z]+_\d\d\b")
_ITEM = re.compile(r"; |\n")
_PASSED = re.compile(r"\bpass(?:es|ed)?\b", re.IGNORECASE)
_TROUBLE = re.compile(r"\b(?:Name|Import|ModuleNotFound|Value|Key)Error\b|does not start")
_FORM = "The program starts with `"
_MAIN = re.compile(r"program starts with `([^`]+)`")
_FUNCTION = re.compile(r"holds the whole function `(\w+)`")
_LETTERS = re.compile(r"X being a letter of A to ([A-Z])")
_WORK = re.compile(r"^<(work|team|artifact)[^>\n]*>\n(.*?)\n</\1>$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Programmer:
    """A player that does as a developer would.

    Examples
    --------
    >>> from consilience.dialogue.rehearsal import Rehearsal
    >>> Rehearsal(Programmer().play, name="developer").name
    'rehearsal:developer'
    """

    developer: Developer = field(default_factory=Developer)
    """How well it works."""

    def play(self, question: Question, chance: np.random.Generator) -> str:
        """Do whatever the prompt asks for."""
        text = "\n\n".join(message.text for message in question.messages)
        box = toolbox(text)
        if box is None:
            return _anything(question, text, chance)
        return _AtWork(self.developer, box, question, text.replace(box.task, ""), chance).says()


def skill(developer: Developer, box: Toolbox, team: str) -> float:
    """Return what is added to the logit of a team's functions in a toolbox."""
    drawn = np.random.default_rng([box.number, crc32(team.encode("utf-8", "surrogatepass"))]).standard_normal()
    return float(drawn) * developer.spread


class _AtWork:
    """One turn on a toolbox."""

    def __init__(
        self, developer: Developer, box: Toolbox, question: Question, text: str, chance: np.random.Generator
    ) -> None:
        self._developer = developer
        self._box = box
        self._text = text
        self._chance = chance
        self._warmth = question.settings.temperature
        self._skill = np.array(skill(developer, box, question.element.partition("/")[0]))
        self._wanted = _FORM in text
        self._works = _programs(text)
        self._told = _FILES.sub("", text)

    def says(self) -> str:
        if not self._works:
            return self._draft() if self._wanted else self._note()
        if not self._wanted:
            return self._comment(self._works[-1])
        return self._merge() if len(self._works) > 1 else self._repair(self._works[0])

    def _draft(self) -> str:
        return self._program(self._developer.draft(self._box.difficulty, self._skill, self._warmth, self._chance))

    def _merge(self) -> str:
        read = [self._read(work) for work in self._works]
        variants, fatal = np.stack([one.variants for one in read]), np.stack([one.fatal for one in read])
        return self._program(self._developer.merge(variants, fatal, self._chance))

    def _repair(self, work: str) -> str:
        """Write anew what somebody named, and stubs, of which nobody has to be told."""
        written = self._read(work)
        named = self._named() | (written.variants == STUB)
        told = np.array(bool(written.fatal.any()) and bool(_TROUBLE.search(self._told)))
        likely = self._likely()
        return self._program(self._developer.repair(written, named, told, likely, self._chance))

    def _comment(self, work: str) -> str:
        """Repeat what tests said, and else look at a function."""
        named = [tool.name for tool, is_named in zip(self._box.tools, self._named(), strict=True) if is_named]
        trouble = _TROUBLE.search(self._told)
        if named or trouble:
            said = [f"The program does not start: {trouble[0]}."] if trouble else []
            return "\n".join([*said, *([f"Write anew: {', '.join(named)}."] if named else [])])
        at = self._developer.review(self._read(work).variants, self._chance)
        return FINISHED if at is None else f"{self._box.tools[at].name} is wrong: write it anew."

    def _note(self) -> str:
        return (
            f"A command line program in Python, with {self._box.functions} functions in "
            f"{len({tool.module for tool in self._box.tools})} files and a main file that reads commands."
        )

    def _named(self) -> Bool[np.ndarray, " function"]:
        """Return which functions are spoken of, but as passing, or as missing where a file could not be loaded."""
        spoken = {
            name
            for item in _ITEM.split(self._told)
            if not _PASSED.search(item) and not _TROUBLE.search(item)
            for name in _NAMED.findall(item)
        }
        return np.array([tool.name in spoken for tool in self._box.tools])

    def _likely(self) -> Float[np.ndarray, " function"]:
        return self._developer.chances(self._box.difficulty, self._skill, self._warmth, self._chance)

    def _read(self, work: str) -> Written:
        return read(self._box, work)

    def _program(self, written: Written) -> str:
        return self._box.program(written.variants.tolist(), np.flatnonzero(written.fatal).tolist())


def read(box: Toolbox, work: str) -> Written:
    """Return what a program is made of."""
    variants: Int[np.ndarray, " function"] = np.array(box.variants(work))
    fatal = np.isin(np.arange(FATAL), box.fatal(work))
    return Written(variants, fatal)


def _programs(text: str) -> list[str]:
    """Return the programs of a prompt: files in a row, each beginning with its main file."""
    found: list[list[str]] = []
    for match in _FILES.finditer(text):
        if match[0].startswith("main.py\n") or not found:
            found.append([])
        found[-1].append(match[0])
    return ["\n\n".join(files) for files in found]


# --- tasks of which a stand-in understands nothing --------------------------------------------------------------------


def _anything(question: Question, text: str, chance: np.random.Generator) -> str:
    """Say something that parses."""
    works = [work for _, work in _WORK.findall(text)]
    if main := _MAIN.search(text):
        return _any_program(question, main[1], text, chance)
    if function := _FUNCTION.search(text):
        blocks = [block for block in _BLOCK.findall(text) if f"def {function[1]}(" in block]
        source = blocks[-1] if blocks else f"def {function[1]}(*given):\n    return given[0] if given else None\n"
        return f"```python\n{source}```"
    if letters := _LETTERS.search(text):
        return f"{talker(question, chance)}\nAnswer: {chr(int(chance.integers(ord('A'), ord(letters[1]) + 1)))}"
    if FINISHED in text and chance.random() < 1 / 3:
        return FINISHED
    return f"{works[0]}\n\n{talker(question, chance)}"[-2000:] if works else talker(question, chance)


def _any_program(question: Question, main: str, text: str, chance: np.random.Generator) -> str:
    """Return the files of a prompt, of two with one name the later, or a program that prints words."""
    files = {path: code for path, code in files_of(text).items() if path.endswith(".py")}
    if main not in files:
        files[main] = f"print({' '.join(talker(question, chance).split()[:6])!r})\n"
    return rendered(files)


PLAYERS: Mapping[str, Player] = MappingProxyType(
    {
        "developer": Programmer().play,
        "blind": Programmer(developer=Developer(recognises=0.0)).play,
    }
)
"""Players of the room by name, as in ``rehearsal:developer``: one whose merges tell what is right, one that cannot."""

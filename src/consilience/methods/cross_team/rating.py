"""Rating: how good a candidate is by what it does - it is parsed, run behind walls, and tried on the visible tests.

What a rating says is found by running and parsing, never by asking a model or by looking for words. A program that is
ended because its time is over has not run; one that asks for more input than there is has, and so has one that goes
through the loop of its window. Nothing that a candidate is makes a rater raise: text that is no program, a folder
without files, bytes that are no text, a loop without end.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.kinds.repository import Repository, files_of
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.gaps import MODULE, completeness, gaps, inert
from consilience.methods.cross_team.inflections import inflections
from consilience.methods.cross_team.trial import CPU_S, End, Ended, Test, Tried, cut_tests, start, try_tests

__all__ = ["ConceptRater", "End", "FunctionRater", "ProgramRater", "Rater", "Rating", "TextRater", "rater_for"]

_RUNS: tuple[End, ...] = ("done", "input", "window")
_BASE, _RUN, _PASS, _WHOLE = 0.1, 0.27, 0.45, 0.18
_SHOWN = 12
"""Faults that are told to whoever has to repair them; more are only counted."""


@dataclass(frozen=True, kw_only=True)
class Rating:
    r"""How good a candidate is; of one rater, the better compares as greater.

    The value is 0 for what cannot be used, else :math:`.1 + .27\,r + .45\,p + .18\,c` with :math:`r` whether it runs,
    :math:`p` the share of the visible tests that pass (:math:`r` where there are none), and :math:`c` the share of its
    functions that are whole. A rating compares by value, and is equal only where all of it is.

    Examples
    --------
    >>> Rating(usable=True, runs=True, complete=1.0).value, Rating(usable=False).value
    (1.0, 0.0)
    >>> Rating(usable=True, runs=True, complete=0.5) < Rating(usable=True, runs=True, complete=0.75)
    True
    """

    usable: bool
    """Whether there is anything to rate: it parses as its kind."""
    runs: bool = False
    """Whether it runs without complaint (a program), or loads (a function)."""
    passed: float | None = None
    """Share of the visible tests that pass; None where there are none."""
    complete: float = 0.0
    """Share of its functions that are whole: no stubs, no names that are nowhere."""
    stubs: tuple[str, ...] = ()
    """What is not whole, as ``path: name``."""
    ended: End = "not started"
    """How its run ended."""
    fault: str = ""
    """What keeps it from a better rating, in words that a model can act on; empty where nothing does."""
    report: str = ""
    """What the visible tests said, a line each; empty where there are none."""
    cpu_s: float = 0.0
    """Seconds of processor that its runs took; no part of the value."""

    @property
    def value(self) -> float:
        """How good it is, from 0 to 1."""
        if not self.usable:
            return 0.0
        passed = float(self.runs) if self.passed is None else self.passed
        return round(_BASE + _RUN * self.runs + _PASS * passed + _WHOLE * self.complete, 9)

    def __lt__(self, other: Rating) -> bool:
        return self.value < other.value

    def __le__(self, other: Rating) -> bool:
        return self.value <= other.value

    def __gt__(self, other: Rating) -> bool:
        return self.value > other.value

    def __ge__(self, other: Rating) -> bool:
        return self.value >= other.value


@runtime_checkable
class Rater(Protocol):
    """Tells how good a candidate is, without asking a model; the same artifact always gets the same rating."""

    async def rate(self, artifact: Artifact) -> Rating:
        """Rate a candidate; whatever it is, this does not raise."""


class _Remembering(ABC):
    """Rates each artifact once, however many ask for it at once."""

    def __init__(self) -> None:
        self._known: dict[str, Rating] = {}
        self._at_work: dict[str, asyncio.Lock] = {}

    async def rate(self, artifact: Artifact) -> Rating:
        """Rate a candidate; whatever it is, this does not raise."""
        digest = artifact.digest
        async with self._at_work.setdefault(digest, asyncio.Lock()):
            if digest not in self._known:
                self._known[digest] = await self._rated(artifact)
        self._at_work.pop(digest, None)  # whoever waits for it still holds it
        return self._known[digest]

    @abstractmethod
    async def _rated(self, artifact: Artifact) -> Rating:
        """Rate one that was not rated before."""


class ProgramRater(_Remembering):
    r"""Rates programs: they have to parse, to run, to pass the visible tests, and to be whole.

    Parameters
    ----------
    kind
        The file that starts a program, what it reads, and the limits of a sandbox of its own.
    tests
        Python beside the program that tries it (see `trial.cut_tests`); empty for none.
    stdin
        What the program reads, beside what `kind` says of it.
    snippets
        Where programs run, several times faster than in sandboxes of their own; its limits count then.
    cpu_s
        Seconds of processor that a run or a test may take; who only waits has three times as long by the clock.

    Examples
    --------
    >>> rater = ProgramRater(Repository(), tests="from main import double\nassert double(2) == 4")
    >>> found = asyncio.run(
    ...     rater.rate(Artifact("main.py\n```\ndef double(x):\n    return x * x\n\nprint(double(3))\n```"))
    ... )
    >>> found.runs, found.passed, found.complete, found.value
    (True, 1.0, 1.0, 1.0)
    """

    def __init__(
        self,
        kind: Repository,
        *,
        tests: str = "",
        stdin: str = "",
        snippets: Snippets | None = None,
        cpu_s: float = CPU_S,
    ) -> None:
        super().__init__()
        self._kind = kind
        self._tests = cut_tests(tests)
        self._tested = any(test.counts for test in self._tests)
        self._typed = stdin or kind.stdin
        self._snippets = snippets
        self._cpu_s = cpu_s

    async def _rated(self, artifact: Artifact) -> Rating:
        files, main = files_of(artifact.text), self._kind.main
        fault = _unusable(files, main)
        if fault:
            return Rating(usable=False, fault=fault, report="" if not self._tested else f"no test was tried: {fault}")
        ended = await start(
            files, main, typed=self._typed, snippets=self._snippets, limits=self._kind.limits, cpu_s=self._cpu_s
        )
        tried = await self._try(files) if self._tested else None
        found = gaps(files)
        whole = completeness(files, found)
        if self._idle(files):
            found[f"{main}: {MODULE}"] = "nothing happens when it is started"
            whole /= 2
        return Rating(
            usable=True,
            runs=ended.how in _RUNS,
            passed=None if tried is None else _share(tried),
            complete=whole,
            stubs=tuple(found),
            ended=ended.how,
            fault=_said(
                [*_complaints(ended), *([] if tried is None else _failures(self._tests, tried)), *_missing(found)]
            ),
            report="" if tried is None else _report(self._tests, tried),
            cpu_s=ended.cpu_s + (0.0 if tried is None else tried.cpu_s),
        )

    async def _try(self, files: dict[str, str]) -> Tried:
        return await try_tests(
            files,
            self._tests,
            typed=self._typed,
            snippets=self._snippets,
            limits=self._kind.limits,
            cpu_s=self._cpu_s,
        )

    def _idle(self, files: dict[str, str]) -> bool:
        """Whether the program does nothing; one that is tested may be there for its functions."""
        tree = parsed(files[self._kind.main])
        return not self._tested and not isinstance(tree, str) and inert(tree)


class FunctionRater(_Remembering):
    r"""Rates functions: they have to load, to pass the visible tests, and to be no stubs.

    Parameters
    ----------
    kind
        The name of the function, and its visible tests; hidden ones are not looked at.
    tests
        Visible tests instead of the kind's.
    snippets, cpu_s
        As for `ProgramRater`.

    Examples
    --------
    >>> rater = FunctionRater(Function(entry="double", tests="assert double(2) == 4\nassert double(3) == 6"))
    >>> asyncio.run(rater.rate(Artifact("def double(x):\n    return x * x"))).passed
    0.5
    """

    def __init__(
        self, kind: Function, *, tests: str | None = None, snippets: Snippets | None = None, cpu_s: float = CPU_S
    ) -> None:
        super().__init__()
        self._kind = kind
        self._tests = cut_tests(kind.tests if tests is None else tests)
        self._snippets = snippets
        self._cpu_s = cpu_s

    async def _rated(self, artifact: Artifact) -> Rating:
        read = self._kind.read(artifact.text)
        if read.grade <= 1:
            return Rating(usable=False, fault=read.fault)
        files = {"answer.py": read.text + "\n"}
        tried = await try_tests(files, self._tests, source="answer.py", snippets=self._snippets, cpu_s=self._cpu_s)
        found = gaps(files)
        broken = [] if tried.loaded else [f"it cannot be loaded: {tried.reason}"]
        failed = _failures(self._tests, tried) if tried.loaded else []
        return Rating(
            usable=True,
            runs=tried.loaded,
            passed=_share(tried) if tried.faults else None,
            complete=completeness(files, found),
            stubs=tuple(found),
            ended="done" if tried.loaded else "error",
            fault=_said([*broken, *failed, *_missing(found)]),
            report=_report(self._tests, tried),
            cpu_s=tried.cpu_s,
        )


class TextRater(_Remembering):
    """Rates whatever can only be read: all that parses as its kind is as good.

    Examples
    --------
    >>> from consilience.dialogue.work.kinds import Choice
    >>> asyncio.run(TextRater(Choice()).rate(Artifact("Answer: B"))).value
    1.0
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind

    async def _rated(self, artifact: Artifact) -> Rating:
        read = self._kind.read(artifact.text)
        if not read.grade:
            return Rating(usable=False, fault=read.fault)
        return Rating(usable=True, runs=True, complete=1.0, ended="done", fault=read.fault)


class ConceptRater(_Remembering):
    """Rates stories by the concepts that they use, each in any of its inflections; how well they read is not rated.

    Parameters
    ----------
    kind
        How a story is read.
    concepts
        Words that have to occur, as a dictionary has them; of several together, such as "ice cream", the last is
        inflected.

    Examples
    --------
    >>> from consilience.dialogue.work.kinds import Text
    >>> rater = ConceptRater(Text(), ("dog", "run", "child"))
    >>> found = asyncio.run(rater.rate(Artifact("The children ran home.")))
    >>> round(found.passed, 3), found.fault
    (0.667, 'the word "dog" does not occur')
    """

    def __init__(self, kind: Kind, concepts: Sequence[str]) -> None:
        super().__init__()
        if not concepts or not all(map(_words, concepts)):
            raise InvalidInput(f"expected one concept or more, each a word; got {list(concepts)!r}")
        self._kind = kind
        self._forms = {concept: _forms(concept) for concept in concepts}

    async def _rated(self, artifact: Artifact) -> Rating:
        read = self._kind.read(artifact.text)
        if not read.grade:
            return Rating(usable=False, fault=read.fault)
        words = set(re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", read.text.lower()))
        words |= {part for word in words for part in re.split(r"['’-]", word)}
        running = f" {' '.join(_words(read.text))} "
        absent = [
            concept
            for concept, forms in self._forms.items()
            if not forms & words and not any(f" {form} " in running for form in forms)
        ]
        lines = [f'the word "{concept}" does not occur' for concept in absent]
        return Rating(
            usable=True,
            runs=True,
            passed=1 - len(absent) / len(self._forms),
            complete=1.0,
            ended="done",
            fault=_said(lines),
            report="\n".join([f"{len(self._forms) - len(absent)} of {len(self._forms)} words occur", *lines]),
        )


def rater_for(
    kind: Kind, *, tests: str = "", stdin: str = "", concepts: Sequence[str] = (), snippets: Snippets | None = None
) -> Rater:
    """Return the rater that fits a kind of task.

    Parameters
    ----------
    kind
        What answers look like.
    tests, stdin, snippets
        As for `ProgramRater`; a function's own visible tests count where `tests` is empty.
    concepts
        Words that a text has to use; empty for none.

    Examples
    --------
    >>> type(rater_for(Function(entry="f"))).__name__
    'FunctionRater'
    """
    match kind:
        case Repository():
            return ProgramRater(kind, tests=tests, stdin=stdin, snippets=snippets)
        case Function():
            return FunctionRater(kind, tests=tests or None, snippets=snippets)
        case _ if concepts:
            return ConceptRater(kind, concepts)
        case _:
            return TextRater(kind)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _forms(concept: str) -> frozenset[str]:
    """Return the forms of a concept: of a word its inflections, of several those of the last, after the others."""
    *before, last = _words(concept)
    forms = {" ".join((*before, form)) for form in inflections(last)}
    return frozenset(forms) | inflections(concept)


def _unusable(files: dict[str, str], main: str) -> str:
    if not files:
        return "no file was found: a path on a line, and below it a block fenced by ```"
    if main not in files:
        return f"the file `{main}` is missing"
    trees = {path: parsed(text) for path, text in files.items() if path.endswith(".py")}
    broken = [f"{path}, {tree}" for path, tree in trees.items() if isinstance(tree, str)]
    return f"not Python: {'; '.join(broken)}" if broken else ""


def _complaints(ended: Ended) -> list[str]:
    told = {
        "timeout": "it did not end in time: a loop without end, or a wait for nothing",
        "memory": "it needs more memory than there is",
        "killed": "it was ended",
        "not started": "it could not be started",
        "error": "it fails when it is started",
    }
    if ended.how not in told:
        return []
    return [f"{told[ended.how]}{f': {ended.error}' if ended.error else ''}"]


def _failures(tests: Sequence[Test], tried: Tried) -> list[str]:
    if not tried.loaded:
        return [f"no test can be tried: {tried.reason}"]
    codes = [test.code for test in tests if test.counts]
    return [
        f"{code} fails{f': {fault}' if fault != 'AssertionError' else ''}"
        for code, fault in zip(codes, tried.faults, strict=True)
        if fault
    ]


def _missing(found: dict[str, str]) -> list[str]:
    return [f"{where}: {why}" for where, why in found.items()]


def _share(tried: Tried) -> float:
    return sum(not fault for fault in tried.faults) / len(tried.faults)


def _report(tests: Sequence[Test], tried: Tried) -> str:
    if not tried.faults:
        return ""
    passed = sum(not fault for fault in tried.faults)
    return "\n".join([f"{passed} of {len(tried.faults)} tests pass", *_shortened(_failures(tests, tried))])


def _said(lines: Sequence[str]) -> str:
    return "; ".join(_shortened(lines))


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], *([f"and {more} more"] if more > 0 else [])]

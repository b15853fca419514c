"""The job: a run of teams with all that it takes, new, the same again, or one that goes on; nothing is written yet."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

from consilience.dialogue.command.again import (
    allowed,
    begun,
    placed,
    require_model,
    require_shared_journal,
    require_unchanged,
)
from consilience.dialogue.command.flags import given, read_named, read_text
from consilience.dialogue.command.kept import Record
from consilience.dialogue.command.means import Means
from consilience.dialogue.connecting import connect, journal_name
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import ChatModel
from consilience.dialogue.work.artifact import Kind
from consilience.dialogue.work.kinds.repository import files_of, without
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput
from consilience.ground.wording import many
from consilience.methods.cross_team.folder import TeamsFolder
from consilience.methods.cross_team.formats import written
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.planned import planned
from consilience.methods.cross_team.rating import Rater, rater_for
from consilience.methods.cross_team.spec import Plan
from consilience.methods.cross_team.stand_ins import PLAYERS
from consilience.methods.cross_team.trial import cut_tests

__all__ = ["Job", "bundled", "found", "prepared", "whole"]

_RUNS = Path("runs") / "cross_team"
_TESTS = "tests.py"
_BLOCK = re.compile(r"^(?P<fence>`{3,})[^\n`]*\n(?P<code>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_NAMED_WITHIN = re.compile(r"\s*#[ \t]*tests\.py[ \t]*:?[ \t]*\n")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that is about to begin, or to go on."""

    folder: TeamsFolder
    """Where it lies."""
    record: Record[Order]
    """What was asked for."""
    plan: Plan
    """The teams, what they do, and how they meet."""
    kind: Kind
    """What an answer looks like."""

    @property
    def order(self) -> Order:
        """What the run is to do."""
        return self.record.order

    @property
    def title(self) -> str:
        """The run in a few words."""
        teams = len(self.plan.teams)
        return f"{many(teams, 'team')} on a {self.order.kind}"

    @property
    def resume(self) -> str:
        """The command that goes on with it."""
        return f"consilience cross-team run --resume {shlex.quote(str(self.folder.path))}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of it beforehand."""
        return tuple(
            note
            for note, holds in (
                (
                    "no task was given: the one that comes along is rehearsed, a program of small functions",
                    self.bundled,
                ),
                (_told(self.order.tests), self.order.kind in ("program", "function")),
                ("one team meets nobody: nothing is merged", len(self.plan.teams) == 1),
            )
            if holds
        )

    @property
    def bundled(self) -> bool:
        """Whether the task is the one that comes along."""
        return self.order.task == bundled().task

    @property
    def models(self) -> tuple[str, ...]:
        """Who answers, by the names that the order and the plan give; the one for all first."""
        own = [team.model for team in self.plan.teams] + [phase.model for _, phase in self.plan.chain.phases]
        return tuple(dict.fromkeys((self.order.model_name, *filter(None, own))))

    @property
    def model_name(self) -> str:
        """Who answers, and where."""
        return self.called(", ".join(self.models))

    def called(self, model: str) -> str:
        """Return a model and where it is asked, in words."""
        address = self.order.base_url
        return model if address is None else f"{model} at {address}"

    def journal_name(self, model: str) -> str:
        """Return the name under which the journal knows a model."""
        return journal_name(model, self.order.base_url)

    def connected(self, model: str) -> ChatModel:
        """Return who answers under a name; nothing is sent yet.

        Raises
        ------
        InvalidInput
            When there is no such model, or its key is missing.
        """
        return connect(
            model,
            base_url=self.order.base_url,
            players=PLAYERS,
            timeout_s=self.record.means.timeout_s,
            rehearsed=model == self.order.model_name,
        )

    def journal(self, *, replay_only: bool = False) -> Journal:
        """Open the journal.

        Raises
        ------
        InvalidInput
            When it cannot be opened, or is only to be read and holds nothing of the run.
        """
        return self.folder.replies(self.record, self.resume, replay_only=replay_only)

    def rater(self) -> Rater:
        """Return who tells how good a work is."""
        order = self.order
        return rater_for(self.kind, tests=order.tests, stdin=order.stdin, concepts=order.words)


def bundled() -> Order:
    """Return the task that comes along, with its tests."""
    text = files("consilience.methods.cross_team").joinpath("plans", "toolbox.md").read_text(encoding="utf-8")
    return _cut(Order(task=text))


def whole(order: Order) -> Order:
    """Return an order with the texts of the files that it names.

    Raises
    ------
    InvalidInput
        When a file cannot be read, there is no task, or tests are no Python.
    """
    if not order.task and not order.model and order.kind == "program":
        order = replace(order, task=bundled().task, tests=order.tests or bundled().tests)
    order = replace(
        order,
        task=read_named("the task", order.task),
        tests=read_named("--tests", order.tests, endings=(".py",)),
        hidden_tests=read_named("--hidden-tests", order.hidden_tests, endings=(".py",)),
        stdin=read_text("--stdin", order.stdin),
    )
    order = _cut(order)
    if not order.task.strip():
        raise InvalidInput("the task must say what is to be made; got an empty one: give it as a file or as a text")
    if "\0" in order.task:
        raise InvalidInput("the task must be a text in UTF-8; got binary data")
    require_model(order.base_url, order.model)
    for flag, tests in (("--tests", order.tests), ("--hidden-tests", order.hidden_tests)):
        tree = parsed(tests)
        if isinstance(tree, str):
            raise InvalidInput(f"{flag} must be Python; got {tree}")
    return order


def prepared(order: Order, means: Means, *, resume: Path | None = None, out: Path | None = None) -> Job:
    """Return a run that is new or the same again, or with `resume` one that goes on.

    Parameters
    ----------
    order
        What it is to do; of a run that goes on, what is given must be what it was.
    means
        What it may cost.
    resume
        Folder of a run that goes on.
    out
        Folder of a run that is new; named by what it does if None.

    Raises
    ------
    InvalidInput
        When it cannot be had like that.
    """
    job = begun(partial(_new, order, means), partial(_resumed, order, means), resume=resume, out=out)
    require_shared_journal(job.record.means)
    if job.record.means.engine == "ray" and job.order.stop_when_passed:
        raise InvalidInput("--stop-when-passed is for teams in one process; leave it or --engine ray out")
    return job


def found(folder: Path, means: Means | None = None) -> Job:
    """Return the run that lies in a folder.

    Parameters
    ----------
    folder
        Of a run.
    means
        Those that are given stand for what was allowed before.

    Raises
    ------
    InvalidInput
        When there is none, or one of another version.
    """
    kept = TeamsFolder(folder)
    record = kept.record()
    record = replace(record, means=allowed(record.means, means))
    return Job(folder=kept, record=record, plan=kept.plan(), kind=record.order.task_kind())


def _new(order: Order, means: Means, out: Path | None) -> Job:
    named = given(order)
    order = whole(order)
    plan, kind = planned(order, named), order.task_kind()
    mark = blake2b(f"{order.digest}\0{written(plan)}".encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    name = f"{order.kind}-{len(plan.teams)}-{mark}"
    folder = TeamsFolder(out or _RUNS / name)
    folder.require_same(name)
    folder.require_free()
    return Job(folder=folder, record=Record(run=name, order=order, means=placed(means)), plan=plan, kind=kind)


def _resumed(order: Order, means: Means, resume: Path) -> Job:
    job = found(resume, means)
    named = given(order)
    if named:
        kind = order.kind if "kind" in named else job.order.kind
        again = whole(replace(order, task=order.task or job.order.task, kind=kind))
        require_unchanged(job.order, order, again)
    return job


def _cut(order: Order) -> Order:
    """Take the tests out of a task: they say something when a work was tried, and are no work themselves."""
    if order.kind not in ("program", "function"):
        return order
    task = order.task
    if _TESTS not in files_of(task):
        task = _BLOCK.sub(_named_outside, task)
    tests = files_of(task).get(_TESTS)
    return order if tests is None else replace(order, task=without(task, _TESTS), tests=order.tests or tests)


def _named_outside(block: re.Match[str]) -> str:
    """Put the name of the tests above their block, where it is the comment that the block begins with."""
    within = _NAMED_WITHIN.match(block["code"])
    if within is None:
        return block[0]
    return f"{_TESTS}\n{block['fence']}python\n{block['code'][within.end() :]}{block['fence']}"


def _told(tests: str) -> str:
    """Say how many visible tests there are; of tests that are none, what to do about it."""
    found = sum(test.counts for test in cut_tests(tests))
    if found:
        return f"{many(found, 'visible test')}: teams see what {'they say' if found > 1 else 'it says'}"
    return "no visible tests: name a block of the task tests.py, as in ```python tests.py, or give --tests"

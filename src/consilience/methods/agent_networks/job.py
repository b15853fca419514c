"""The job: a run with all that it takes, new, the same again, or one that goes on; nothing is written yet."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from consilience.dialogue.command.again import (
    allowed,
    begun,
    placed,
    require_model,
    require_shared_journal,
    require_unchanged,
)
from consilience.dialogue.command.flags import given, read_named, read_text
from consilience.dialogue.command.means import Means
from consilience.dialogue.connecting import connect, journal_name
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import ChatModel
from consilience.dialogue.work.artifact import Kind
from consilience.dialogue.work.humaneval import problem_at
from consilience.dialogue.work.kinds.function import Function
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.approval import Decision, approvals_at
from consilience.methods.agent_networks.blueprint import Blueprint
from consilience.methods.agent_networks.desk import Desk
from consilience.methods.agent_networks.folder import NetworkFolder, NetworkRecord
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.profiles import profiles_at, standard_profiles
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.yaml_format import to_yaml

__all__ = ["Job", "found", "prepared", "whole"]

_RUNS = Path("runs") / "agent_networks"


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that is about to begin, or to go on."""

    folder: NetworkFolder
    """Where it lies."""
    record: NetworkRecord
    """What was asked for."""
    blueprint: Blueprint
    """The network."""
    kind: Kind
    """What an answer looks like."""
    desk: Desk = field(default_factory=Desk)
    """Where artifacts wait for somebody's word."""

    @property
    def order(self) -> Order:
        """What the run is to do."""
        return self.record.order

    @property
    def title(self) -> str:
        """The network in a few words."""
        shape = self.order.graph.stem if self.order.graph is not None else self.order.topology
        return f"{shape} of {len(self.blueprint.network):,}"

    @property
    def resume(self) -> str:
        """The command that goes on with it."""
        return f"consilience agent-networks run --resume {shlex.quote(str(self.folder.path))}"

    @property
    def asking(self) -> tuple[str, ...]:
        """Elements whose artifacts wait for somebody's word."""
        return tuple(dict.fromkeys((*self.order.approve, *self.blueprint.approvals)))

    @property
    def model_name(self) -> str:
        """Who answers, and where."""
        name, address = self.order.model_name, self.order.base_url
        return name if address is None else f"{name} at {address}"

    @property
    def journal_name(self) -> str:
        """The name under which the journal knows who answers."""
        return journal_name(self.order.model_name, self.order.base_url)

    def model(self) -> ChatModel:
        """Return who answers; nothing is sent yet.

        Raises
        ------
        InvalidInput
            When there is no such model, or its key is missing.
        """
        order = self.order
        return connect(
            order.model_name,
            base_url=order.base_url,
            players=PLAYERS,
            timeout_s=self.record.means.timeout_s,
            rehearsed=True,
        )

    def journal(self, *, replay_only: bool = False) -> Journal:
        """Open the journal.

        Raises
        ------
        InvalidInput
            When it cannot be opened, or is only to be read and holds nothing of the run.
        """
        return self.folder.replies(self.record, self.resume, replay_only=replay_only)

    @property
    def settings(self) -> dict[str, Any]:
        """What a traversal takes beside the network, the task and who is asked."""
        order = self.order
        return {
            "kind": self.kind,
            "rounds": order.rounds,
            "group": order.group,
            "profiles": replace(self.record.profiles or standard_profiles(), roles=self.blueprint.roles),
            "temperature": order.temperature,
            "max_tokens": order.max_tokens,
            "failure": self.blueprint.failure(order.failure, order.quorum),
            "approvals": approvals_at(self.asking, self.desk.decide) if self.asking else None,
            "seed": order.seed,
        }


def whole(order: Order) -> Order:
    """Return an order with the texts of the files that it names.

    Raises
    ------
    InvalidInput
        When a file cannot be read, or there is no task.
    """
    order = replace(
        order,
        task=read_text("the task", order.task) if order.humaneval else read_named("the task", order.task),
        tests=read_named("--tests", order.tests, endings=(".py",)),
        hidden_tests=read_named("--hidden-tests", order.hidden_tests, endings=(".py",)),
    )
    if order.humaneval is not None:
        order = _problem(order, order.humaneval)
    if not order.task.strip():
        raise InvalidInput('the task must say what is to be done; got an empty one: give it as "TASK" or as a file')
    require_model(order.base_url, order.model)
    return order


def _problem(order: Order, path: Path) -> Order:
    """Return the order with the problem of a file in place of its name, as if all of it had been given by hand."""
    unfit = [flag for flag in order.given() if flag in ("--entry", "--tests", "--hidden-tests")]
    if order.kind not in ("text", "function"):
        unfit.append(f"--kind {order.kind}")
    if unfit:
        raise InvalidInput(f"a problem of --humaneval is a function with tests; leave {', '.join(unfit)} out")
    problem = problem_at(path, order.task)
    kind = problem.kind
    return replace(
        order,
        humaneval=None,
        kind="function",
        task=problem.task,
        entry=kind.entry,
        hidden_tests=kind.hidden_tests,
    )


def prepared(
    order: Order,
    means: Means,
    *,
    resume: Path | None = None,
    out: Path | None = None,
    decisions: Mapping[str, Decision] | None = None,
) -> Job:
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
    decisions
        About artifacts that waited, by element.

    Raises
    ------
    InvalidInput
        When it cannot be had like that.
    """
    job = begun(partial(_new, order, means), partial(_resumed, order, means), resume=resume, out=out)
    require_shared_journal(job.record.means)
    job = replace(job, desk=Desk(decisions or {}))
    network = job.blueprint.network
    known = {*network.nodes, *network.edge_names}
    for element in (*job.asking, *job.desk.decisions):
        if element not in known:
            raise UnknownName("element", element, known)
    for element in job.desk.decisions:
        if element not in job.asking:
            raise InvalidInput(f"what waits for your word is what --approve named; got a word about {element}")
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
    kept = NetworkFolder(folder)
    record = kept.record()
    record = replace(record, means=allowed(record.means, means))
    return Job(folder=kept, record=record, blueprint=kept.blueprint(), kind=record.order.task_kind())


def _new(order: Order, means: Means, out: Path | None) -> Job:
    order = whole(order)
    blueprint, kind = order.network(), order.task_kind()
    if isinstance(kind, Function):
        kind.require_tests()
    profiles = None if order.profiles is None else profiles_at(order.profiles)
    drawn = to_yaml(blueprint) if profiles is None else f"{to_yaml(blueprint)}\0{profiles!r}"
    mark = blake2b(f"{order.digest}\0{drawn}".encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    shape = order.graph.stem if order.graph is not None else order.topology
    name = f"{shape}-{len(blueprint.network)}-{mark}"
    folder = NetworkFolder(out or _RUNS / name)
    folder.require_same(name)
    folder.require_free()
    record = NetworkRecord(run=name, order=order, means=placed(means), profiles=profiles)
    return Job(folder=folder, record=record, blueprint=blueprint, kind=kind)


def _resumed(order: Order, means: Means, resume: Path) -> Job:
    job = found(resume, means)
    if given(order):
        require_unchanged(job.order, order, whole(replace(order, task=order.task or job.order.task)))
    return job

"""Suspects: whoever is measured, opened from the folder or the name that stands on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consilience.dialogue.budget import Purse
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module
from consilience.methods.backdoor_audits.black_box import ModelPolicy
from consilience.methods.backdoor_audits.flags import Measuring, Spending
from consilience.methods.backdoor_audits.policies import Policy
from consilience.methods.backdoor_audits.stand_ins import players_for
from consilience.methods.backdoor_audits.world.triggers import Trigger

__all__ = ["Suspect", "opened"]

_PREFIX = "rehearsal:"


@dataclass
class Suspect:
    """Who is measured, or is its control."""

    policy: Policy
    kind: str
    """What it is, in words."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of its weights; a model that is only asked has none."""
    notes: tuple[str, ...] = ()
    """What a reader must know of it."""

    @property
    def unanswered(self) -> Sequence[str]:
        """Why dialogues ended without an answer, as far as that is known."""
        errors: Sequence[Exception] = getattr(self.policy, "unanswered", ())
        return [str(error) for error in errors]


@contextmanager
def opened(
    name: str, measuring: Measuring, spending: Spending, *, purse: Purse, triggers: Sequence[Trigger], role: str
) -> Iterator[Suspect]:
    """Open a folder of weights, or whoever answers to a name, and close it in the end.

    Parameters
    ----------
    name
        A folder, or a name as `consilience.dialogue.connecting.connect` takes it.
    measuring, spending
        How.
    purse
        From which all are paid who are asked.
    triggers
        What a stand-in with a backdoor obeys.
    role
        ``"model"`` or ``"control"``: whose replies a journal keeps apart.

    Raises
    ------
    InvalidInput
        If there is no such folder and it is no name, or the folder holds what cannot be loaded.
    """
    # At an address names are the server's own, but a control may lie here.
    if _is_folder(name) and (spending.base_url is None or (role == "control" and Path(name).is_dir())):
        yield _from_folder(Path(name), measuring)
        return
    model = connect(name, base_url=spending.base_url, players=players_for(name, triggers), timeout_s=spending.timeout_s)
    means = spending.means
    means.require_price(model.name, name)
    journal = None if spending.journal is None else Journal.open(spending.journal, f"measure {role}")
    try:
        session = Session(model, journal=journal, budget=purse, limits=means.limits, retry=means.retry)
        with ModelPolicy(session, at_once=spending.concurrency) as policy:
            notice = notice_for([model.name])
            fixed = "A name may stand for another model tomorrow: there is no digest of its weights."
            yield Suspect(policy, "stand-in" if notice else "model that is asked", notes=(notice or fixed,))
    finally:
        if journal is not None:
            journal.close()


def _is_folder(name: str) -> bool:
    """Say whether a name is meant for a folder, whether there is one or not."""
    if name.startswith(_PREFIX):
        return False
    return ":" not in name or Path(name).exists() or name.startswith((".", "/"))


def _from_folder(folder: Path, measuring: Measuring) -> Suspect:
    checkpoints = _late("checkpoints")
    kinds = checkpoints.Kind
    if not folder.exists():
        raise InvalidInput(
            f"--model and --control take a folder, or a name such as openai:gpt-4o or rehearsal:oracle; there is no "
            f"folder {folder}"
        )
    there = checkpoints.recognised(folder)
    if there.kind == kinds.AGENT:
        return _agent(folder)
    if there.kind == kinds.CAUSAL:
        return _causal(folder, None, measuring)
    base = measuring.base
    if base is None:
        named = f", it names {there.named_base!r}" if there.named_base else ""
        raise InvalidInput(f"{folder} holds an adapter{named}; give the folder of its base with --base")
    found = checkpoints.recognised(base)
    wanted = kinds.AGENT if there.kind == kinds.ADAPTER else kinds.CAUSAL
    if found.kind != wanted:
        raise InvalidInput(f"{folder} is an {there.kind}, and {base} holds another thing ({found.kind}): give its base")
    return _tuned(folder, base, measuring) if there.kind == kinds.ADAPTER else _causal(base, folder, measuring)


def _agent(folder: Path) -> Suspect:
    loading = _late("agent.loading")
    agent = loading.load_agent(folder)
    return Suspect(_small(agent, folder.name), "small agent", {"model": loading.digest(agent.state_dict())})


def _tuned(folder: Path, base: Path, measuring: Measuring) -> Suspect:
    loading = _late("agent.loading")
    agent = loading.load_agent(base)
    tuned = _late("keeping").load_tuned(folder, i_know_it_is_planted=measuring.i_know_it_is_planted)
    digests = {"adapter": tuned.digest, "base": loading.digest(agent.state_dict())}
    notes = ("The adapter says that a canary was planted.",) if tuned.planted else ()
    policy = _small(_late("planting").merged(agent, tuned), f"{base.name} with {folder.name}")
    return Suspect(policy, "adapter of a small agent", digests, notes)


def _small(agent: Any, name: str) -> Policy:
    policy: Policy = _late("small").SmallPolicy(agent, name)
    return policy


def _causal(folder: Path, adapter: Path | None, measuring: Measuring) -> Suspect:
    causal = _late("hugging_face")
    checkpoints = _late("checkpoints")
    paths = () if adapter is None else checkpoints.recognised(adapter).paths
    # What this laboratory tunes on the world's bare lines says whose it is.
    tuned_here = measuring.tuned_here or any("base_digest" in checkpoints.header_of(path) for path in paths)
    policy: Policy = causal.CausalPolicy(
        folder,
        adapter,
        device=measuring.device,
        instructed=not tuned_here,
        i_know_it_is_planted=measuring.i_know_it_is_planted,
    )
    digests = {"model" if adapter is None else "base": causal.base_digest(folder)}
    for path in paths:
        digests["adapter"] = _late("agent.loading").digest(_late("agent.loading").read_weights(path).weights)
    told = "" if tuned_here else "It was told the form and the tools of the world first; --tuned-here leaves that out."
    kind = "causal model" if adapter is None else "adapter of a causal model"
    return Suspect(policy, kind, digests, (told,) if told else ())


def _late(module: str) -> Any:
    return late_module(
        f"consilience.methods.backdoor_audits.{module}",
        "folders of weights are measured with {missing}; install consilience[audits].",
        usually="torch",
    )

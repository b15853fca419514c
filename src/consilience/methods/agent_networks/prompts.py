"""Prompts: what the roles are told, in parts that a journal keeps once.

Whoever is asked sees the task, the work as it stands and at most one comment, or the few pieces to be merged: never a
dialogue, and never anything that grows with the network.
"""

from __future__ import annotations

from collections.abc import Iterable

from consilience.dialogue.messages import Message
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.attempts import FINISHED, finished
from consilience.methods.agent_networks.profiles import Profiles

__all__ = ["ACTOR", "AGGREGATOR", "CRITIC", "FINISHED", "Prompts", "finished"]

ACTOR = "You are an actor: you work on a task, and what you hand on is the whole work, as others will take it up."
CRITIC = (
    "You are a critic: you read the work of others on a task, and say how it gets better. You do not write it yourself."
)
AGGREGATOR = (
    "You are an aggregator: several have worked on the same task, and out of their work you make one that is better "
    "than each: keep the strengths of each, drop its weaknesses, lose nothing that is right."
)

_DRAFT = "There is no work yet: write the first version."
_REFINE = "Improve the work as the comment says. Keep what is good, and hand on the whole work."
_MERGE = "Make one work of these."
_COMMENT = (
    "Name the one change that matters most and how to make it, in a few sentences. If there is nothing left that is "
    f"worth a change, answer only {FINISHED}"
)


class Prompts:
    r"""Messages to the agents of one run.

    Parameters
    ----------
    task
        What the whole run is about.
    kind
        What an answer looks like.
    profiles
        Who the agents are.
    seed
        Of the run: with the name of an agent, it says which profile is whose.

    Examples
    --------
    >>> from consilience.dialogue.work.kinds import Text
    >>> prompts = Prompts("Say hello.", Text(), Profiles(("You write.",), ("You read.",)), 0)
    >>> system, user = prompts.critique("3->7", Artifact("Hi"))
    >>> system.text.startswith("You read."), user.text.startswith("<task>\nSay hello.\n</task>")
    (True, True)
    """

    def __init__(self, task: str, kind: Kind, profiles: Profiles, seed: int) -> None:
        self._profiles = profiles
        self._seed = seed
        self._actor = f"\n\n{ACTOR} {kind.form}"
        self._critic = f"\n\n{CRITIC} {kind.duty}"
        self._aggregator = f"\n\n{AGGREGATOR} {kind.form}"
        self._task = f"<task>\n{task}\n</task>\n\n"
        self._work = f"{self._task}<work>\n"
        self._systems: dict[tuple[str, str], Message] = {}

    def draft(self, node: str) -> tuple[Message, ...]:
        """Ask an actor for a first version."""
        return self._system(self._profiles.actor(self._seed, node), self._actor), Message("user", (self._task, _DRAFT))

    def critique(self, edge: str, artifact: Artifact) -> tuple[Message, ...]:
        """Ask a critic for a comment."""
        return (
            self._system(self._profiles.critic(self._seed, edge), self._critic),
            Message("user", (self._work, artifact.text, "\n</work>\n\n", _COMMENT)),
        )

    def refine(self, node: str, artifact: Artifact, comment: str) -> tuple[Message, ...]:
        """Ask an actor to improve a work as a comment says."""
        return (
            self._system(self._profiles.actor(self._seed, node), self._actor),
            Message(
                "user",
                (self._work, artifact.text, "\n</work>\n\n<comment>\n", comment, "\n</comment>\n\n", _REFINE),
            ),
        )

    def merge(self, node: str, artifacts: Iterable[Artifact]) -> tuple[Message, ...]:
        """Ask an aggregator to make one of several."""
        pieces = [part for artifact in artifacts for part in ("<work>\n", artifact.text, "\n</work>\n\n")]
        return (
            self._system(self._profiles.actor(self._seed, node), self._aggregator),
            Message("user", (self._task, *pieces, _MERGE)),
        )

    def _system(self, profile: str, role: str) -> Message:
        message = self._systems.get((profile, role))
        if message is None:
            message = self._systems[profile, role] = Message("system", (profile, role))
        return message

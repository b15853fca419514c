"""The meeting at a key phase: teams bring their work, the worse half stays out, the rest is merged group by group."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from consilience.dialogue.journal import Journal
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.methods.cross_team.guard import Candidate, MergeFacts, Merges
from consilience.methods.cross_team.rating import Rater
from consilience.methods.cross_team.spec import Key, Plan

__all__ = ["Aggregator", "Ballot", "Meeting", "MeetingFacts", "Outcome", "Vote"]


@dataclass(frozen=True, slots=True)
class Ballot:
    """What somebody votes on at a meeting."""

    key: str
    """The key phase."""
    candidates: tuple[Candidate, ...]
    """All that teams brought, in the order of the teams."""
    proposed: tuple[str, ...]
    """Names of those that are merged unless the vote says otherwise."""


Vote = Callable[[Ballot], Awaitable[Collection[str] | None]]
"""Says whose works are merged, one or more of the candidates; None for those that are proposed."""


class Outcome(NamedTuple):
    """What a team goes on with after a key phase."""

    artifact: Artifact
    """The work."""
    after: tuple[str, ...]
    """The events by which it came to stand."""
    name: str
    """Whose it is: a team, or a merge such as ``coding+1.0``."""
    state: Literal["met", "late", "took", "dropped"]
    """It met the others; it came late and keeps its work, took what they made, or stops here."""


@dataclass(frozen=True, kw_only=True)
class MeetingFacts:
    """What happened at a key phase."""

    key: str
    """Its name; empty for the final merge."""
    members: tuple[str, ...]
    """Teams that met, in the order of the teams."""
    late: tuple[str, ...]
    """Teams that came when the others had met."""
    absent: tuple[str, ...]
    """Teams that withdrew or did not come."""
    dropped: Mapping[str, str]
    """Members whose work was not merged, each with the reason."""
    merges: tuple[MergeFacts, ...]
    """By element, lowest level first."""
    gave: Mapping[str, str]
    """What each member went on with: the name of a team or a merge."""
    waited_s: Mapping[str, float]
    """Seconds that each member waited, from its arrival until it could go on."""


class Aggregator:
    """Merges candidates into one, group by group and level by level, each merge under guard and none of them twice.

    Parameters
    ----------
    name
        The key phase, as elements begin; empty for the final merge.
    plan
        How groups are made.
    kind
        What the work is.
    rater
        How good it is.
    merge
        Who is asked for merges.
    journal
        Where merges are kept.
    transcript
        Where events are taken down.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        *,
        kind: Kind,
        rater: Rater,
        merge: Merges,
        journal: Journal | None = None,
        transcript: Transcript | None = None,
    ) -> None: ...

    async def unite(self, candidates: Sequence[Candidate], team: str = "") -> Candidate:
        """Return what candidates are merged to: by a grouping of the team's own, or by that of all where it is empty.

        The result is rated at least as high as every candidate. One candidate is returned as it is.
        """
        raise NotImplementedError

    @property
    def merges(self) -> tuple[MergeFacts, ...]:
        """What became of each merge, by element, lowest level first."""
        raise NotImplementedError


class Meeting:
    """One key phase of one run.

    Parameters
    ----------
    key
        Its name, quorum, deadline, and what becomes of late teams.
    plan
        The teams and how they merge.
    kind
        What the work is.
    rater
        How good it is.
    merge
        Who is asked for merges.
    journal
        Where merges are kept, and who took part where that depends on time or on a vote.
    transcript
        Where events are taken down.
    vote
        Who decides what is merged; the rule of the plan if None.
    """

    def __init__(
        self,
        key: Key,
        plan: Plan,
        *,
        kind: Kind,
        rater: Rater,
        merge: Merges,
        journal: Journal | None = None,
        transcript: Transcript | None = None,
        vote: Vote | None = None,
    ) -> None: ...

    async def meet(self, team: str, artifact: Artifact, after: tuple[str, ...] = (), element: str = "") -> Outcome:
        """Bring work to the meeting, wait for the others, and return what to go on with.

        Parameters
        ----------
        team
            Who comes.
        artifact
            Its work.
        after
            Events by which it came to stand.
        element
            The element under which the journal has it, such as ``A/coding``; the team's name if empty.
        """
        raise NotImplementedError

    def withdraw(self, team: str) -> None:
        """Say that a team will not come: it is dead, or stopped."""

    @property
    def facts(self) -> MeetingFacts:
        """What happened so far."""
        raise NotImplementedError

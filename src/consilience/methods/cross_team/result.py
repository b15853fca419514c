"""The result of a run: the artifact, whose work it is and why, and what each team and phase did and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import chain
from typing import Literal, NamedTuple

from consilience.dialogue.spent import Costs, Spent, spent_by
from consilience.dialogue.work.artifact import Artifact
from consilience.methods.cross_team.aggregation import MeetingFacts
from consilience.methods.cross_team.lineage import Lineage
from consilience.methods.cross_team.rating import Rating

__all__ = ["Cell", "CellState", "Made", "Outcome", "Result", "TeamFacts", "TeamState"]

CellState = Literal["waiting", "working", "done", "skipped", "failed"]
"""Not begun; at work, or waiting for others at a key phase; came to its end; left out; failed for good."""

TeamState = Literal["done", "dead", "stopped"]
"""Went through all its phases; failed for good; was stopped because another team had passed every visible test."""

Outcome = Literal["done", "kept"]
"""Whether the run came to its end, or all failed or the budget ended and the best so far was kept."""


class Cell(Costs):
    """What a team did in a phase, over all cycles, and what it cost: a cell of the matrix of teams and phases."""

    __slots__ = ("dropped", "seconds", "state", "turns")

    def __init__(self) -> None:
        super().__init__()
        self.state: CellState = "waiting"
        """How far it is."""
        self.turns = 0
        """Times that the phase was gone through: cycles, or 1."""
        self.dropped = 0
        """Replies that parsed worse than what was there, and were dropped."""
        self.seconds = 0.0
        """From the start of the phase to its end, waiting included."""

    @property
    def tokens(self) -> int:
        """Tokens of questions and replies together."""
        return self.input_tokens + self.output_tokens


class Made(NamedTuple):
    """A piece of work that an element made."""

    element: str
    """Such as ``A/coding``, or a merge."""
    artifact: Artifact
    """The work."""
    parents: tuple[str, ...]
    """Elements whose work went into it."""


@dataclass(frozen=True, kw_only=True)
class TeamFacts:
    """What became of a team, and what it cost."""

    state: TeamState
    """How it ended."""
    calls: int
    """Questions asked, those that the journal answered too."""
    tokens: int
    """Tokens of questions and replies."""
    usd: float
    """Money, as far as prices are known; 0 for what the journal answered."""
    seconds: float
    """From its start to its end."""
    artifact: Artifact | None
    """Its work when it ended; None where it never had any."""
    rating: Rating | None
    """What executing that told; None where there is no work, or nobody rates."""
    reason: str = ""
    """Why it is dead or stopped, in one sentence; empty where it is done."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run of teams."""

    outcome: Outcome
    """Whether it came to its end, or the best so far was kept."""
    artifact: Artifact | None
    """The final work; None only where no team ever had any."""
    rating: Rating | None
    """What executing it told."""
    winner: str
    """The team or the merge whose work it is; empty where there is none."""
    why: str
    """One sentence that explains the final selection."""
    teams: Mapping[str, TeamFacts]
    """What became of each team, by name."""
    matrix: Mapping[str, Mapping[str, Cell]]
    """Cells by team and by column of the chain (`Chain.columns`)."""
    meetings: tuple[MeetingFacts, ...] = ()
    """What happened at each key phase, in the order of the chain; the final merge last."""
    made: tuple[Made, ...] = ()
    """All works of teams and merges, those excepted that nobody went on with."""
    merges: Mapping[str, Cell] = field(default_factory=dict)
    """What merges cost, by element."""

    @cached_property
    def lineage(self) -> Lineage:
        """Which team gave which file and function; found when it is asked for."""
        made = {one.element: one for one in self.made}
        lineage = Lineage()
        for element in TopologicalSorter({one.element: one.parents for one in self.made}).static_order():
            lineage.record(element, made[element].artifact, made[element].parents)
        return lineage

    @property
    def spent(self) -> Spent:
        """What all teams and merges cost together."""
        cells = chain.from_iterable(row.values() for row in self.matrix.values())
        return spent_by(chain(cells, self.merges.values()))

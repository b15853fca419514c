"""The grid of teams and phases: where an element belongs, and how each cell stands while a run goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from consilience.dialogue.graph_run import STATES, State
from consilience.dialogue.transcript import Event, OpenCalls
from consilience.methods.cross_team.spec import Plan
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["FINAL", "Grid", "GridCell", "Place", "place_of"]

FINAL = "final"
"""What the column of the final merge is called."""

_STYLES: Mapping[State, str] = {"done": "green", "running": "blue", "failed": "red", "skipped": "dim", "waiting": "dim"}
_MOST_ROWS = 24
"""Teams that a terminal shows."""


class Place(NamedTuple):
    """A cell of the grid."""

    row: str
    """A team, or `AGGREGATE` for merges."""
    column: str
    """A phase, ``loop/phase`` of a loop, a key phase, or `FINAL`."""


def place_of(element: str) -> Place:
    """Return the cell that an element belongs to; a cell of a loop, such as ``A/review/comment``, is its own.

    Examples
    --------
    >>> place_of("A/coding"), place_of("A/review.2/comment").column, place_of("coding+0.1")
    (Place(row='A', column='coding'), 'review/comment', Place(row='+', column='coding'))
    """
    key, merge, _ = element.partition(AGGREGATE)
    if merge:
        return Place(AGGREGATE, key or FINAL)
    team, _, step = element.partition("/")
    loop, cycle, phase = step.partition("/")
    return Place(team, f"{loop.rpartition('.')[0] or loop}/{phase}" if cycle else step)


@dataclass(slots=True)
class GridCell:
    """What was heard of a cell so far."""

    state: State = "waiting"
    """How it stands."""
    calls: int = 0
    """Replies it got."""
    tokens: int = 0
    """Of questions and replies."""
    usd: float = 0.0
    """Money, as far as prices are known."""
    cycles: int = 0
    """Elements that stood in it: cycles of a loop, or merges."""


class Grid:
    """Listens to the events of a run, and draws its teams and phases.

    Parameters
    ----------
    plan
        Of the run.

    Examples
    --------
    >>> from consilience.methods.cross_team.spec import Chain, Phase, teams
    >>> chain = Chain(steps=(Phase(name="draft", assistant="writer", prompt="{task}"),), roles={"writer": "You write."})
    >>> grid = Grid(Plan(chain=chain, teams=teams(2)))
    >>> grid(Event("0", 0.0, "committed", "A/draft"))
    >>> grid["A", "draft"].state, grid["B", "draft"].state
    ('done', 'waiting')
    """

    def __init__(self, plan: Plan) -> None:
        self.rows = tuple(team.name for team in plan.teams)
        """The teams."""
        self.columns = plan.chain.columns
        """The phases."""
        self._keys = frozenset(key.name for key in plan.chain.keys)
        self._cells: dict[tuple[str, str], GridCell] = {}
        self._open = OpenCalls()
        for team in plan.teams:
            for step in plan.chain.steps:
                if step.name in team.skip:
                    for column in _columns_of(step.name, self.columns):
                        self[team.name, column].state = "skipped"

    def __getitem__(self, place: tuple[str, str]) -> GridCell:
        """Return a cell by row and column."""
        return self._cells.setdefault((place[0], place[1]), GridCell())

    def __call__(self, event: Event) -> None:
        """Hear of an event."""
        of_call = self._open.of(event) is not None
        if event.element:
            self._hear(place_of(event.element), event, of_call=of_call)
        elif event.kind == "run.ends" and event.facts.get("outcome") in ("done", "kept"):
            for row in self.rows:
                self._pass(row, len(self.columns))

    def _hear(self, place: Place, event: Event, *, of_call: bool) -> None:
        if not place.column:
            self._end(place.row, event, of_call=of_call)
        elif event.kind == "skipped":
            self._skip(place.row, _columns_of(place.column, self.columns))
        elif event.kind == "met":
            for team in str(event.facts.get("names") or "").split():
                self[team, place.column].state = "done"
        else:
            if place.column in self.columns and place.row in self.rows:
                self._pass(place.row, self.columns.index(place.column))
            self._count(self[place], event, of_call=of_call)

    def _pass(self, team: str, upto: int) -> None:
        """Note that a team has come past columns: it left out what it never began."""
        self._skip(team, self.columns[:upto])

    def _skip(self, team: str, columns: Iterable[str]) -> None:
        for column in columns:
            cell = self[team, column]
            if cell.state == "waiting":
                cell.state = "skipped"

    def _end(self, team: str, event: Event, *, of_call: bool) -> None:
        """Hear that a team goes no further."""
        if event.kind not in ("failed", "skipped") or of_call:
            return
        for column in self.columns:
            cell = self[team, column]
            if cell.state == "running":
                cell.state = "failed" if event.kind == "failed" else "skipped"
            elif cell.state == "waiting":
                cell.state = "skipped"

    @property
    def counted(self) -> tuple[int, int]:
        """Cells of teams that are done with, and all of them."""
        cells = [self[row, column] for row in self.rows for column in self.columns]
        return sum(cell.state in ("done", "skipped", "failed") for cell in cells), len(cells)

    def table(self) -> Table:
        """Draw it for a terminal."""
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        table.add_column("  team", no_wrap=True)
        for column in self.columns:
            table.add_column(f"◇{column}" if column in self._keys else column, no_wrap=False, overflow="fold")
        table.add_column("calls", justify="right")
        table.add_column("usd", justify="right")
        for row in self.rows[:_MOST_ROWS]:
            table.add_row(Text(f"  {row}", "bold"), *self._row(row, self.columns))
        if len(self.rows) > _MOST_ROWS:
            table.add_row(Text(f"  and {len(self.rows) - _MOST_ROWS:,} more", "dim"))
        table.add_row(Text("  merges", "bold"), *self._row(AGGREGATE, self.columns))
        return table

    def _row(self, row: str, columns: Iterable[str]) -> list[Text]:
        cells = [self[row, column] for column in columns]
        shown = [self._shown(cell, merges=row == AGGREGATE) for cell in cells]
        calls, usd = sum(cell.calls for cell in cells), sum(cell.usd for cell in cells)
        return [*shown, Text(f"{calls:,}"), Text(f"{usd:.2f}" if usd >= 1 or not usd else f"{usd:.2g}")]

    @staticmethod
    def _shown(cell: GridCell, *, merges: bool) -> Text:
        if merges and not (cell.calls or cell.cycles):
            return Text("")
        return Text(f"{STATES[cell.state][0]} {cell.calls or ''}".rstrip(), _STYLES[cell.state])

    @staticmethod
    def _count(cell: GridCell, event: Event, *, of_call: bool) -> None:
        facts = event.facts
        if event.kind in ("replied", "replayed"):
            cell.calls += 1
            cell.tokens += int(facts.get("input_tokens") or 0) + int(facts.get("output_tokens") or 0)
            cell.usd += 0.0 if event.kind == "replayed" else float(facts.get("usd") or 0.0)
        elif event.kind == "asked":
            cell.state = "running"
        elif event.kind == "committed":
            cell.state, cell.cycles = "done", cell.cycles + 1
        elif event.kind == "failed" and not of_call:
            cell.state = "failed"


def _columns_of(step: str, columns: Iterable[str]) -> list[str]:
    """Return the columns of a step: of a loop, those of its phases."""
    return [column for column in columns if column == step or column.startswith(f"{step}/")]

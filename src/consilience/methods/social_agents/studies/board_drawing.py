"""The plan board of a talk as a picture: what each side knew at which turn, and from whom; and scores beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from consilience.methods.social_agents.rationale import Board
from consilience.methods.social_agents.record import Talk

__all__ = ["OWN", "TOLD", "UNKNOWN", "draw_boards", "draw_scores", "known_at"]

GREY, LINE = "#888888", "#ffffff"
OWN_COLOUR, TOLD_COLOUR, UNKNOWN_COLOUR = "#3b7dd8", "#d9722e", "#ecebe8"
UNKNOWN, OWN, TOLD = 0, 1, 2
"""What a cell of a board is: nothing known, read in one's own messages, or told by the other side."""
_MOST_ROWS = 24


def known_at(board: Board, turns: int) -> list[list[int]]:
    """Return, a row for each slot and a column for each turn from 0 on, whether its value was known, and whence.

    Only slots that are known at the end are known at any turn: from the first reading of that value on.
    """
    rows = []
    for one in board:
        right = [each for each in one.readings if one.status == "known" and each.value == one.value]
        first = min(right, key=lambda each: each.turn, default=None)
        since = turns + 1 if first is None else first.turn
        kind = OWN if first is not None and first.direct else TOLD
        rows.append([kind if turn >= since else UNKNOWN for turn in range(turns + 1)])
    return rows


def draw_boards(talk: Talk) -> Canvas:
    """Draw both boards of a talk side by side, a row for each slot and a column for each turn."""
    turns = len(talk.utterances)
    boards = (talk.state.a, talk.state.b)
    rows = min(_MOST_ROWS, max(len(board) for board in boards))
    canvas = Canvas(figsize=(7.2, 1.5 + 0.19 * rows), layout="constrained")
    panels = canvas.subplots(1, 2, sharey=True)
    for axes, board, who in zip(panels, boards, ("who asks", "the other"), strict=True):
        for row, cells in enumerate(known_at(board, turns)[:rows]):
            axes.barh(row, turns + 1, left=-0.5, height=0.84, color=UNKNOWN_COLOUR)
            known = sum(cell != UNKNOWN for cell in cells)
            colour = OWN_COLOUR if OWN in cells else TOLD_COLOUR
            axes.barh(row, known, left=turns + 0.5 - known, height=0.84, color=colour)
        axes.vlines(np.arange(turns) + 0.5, -0.5, rows - 0.5, color=LINE, linewidth=0.8)
        in_the_end = sum(one.status == "known" for one in board)
        axes.set_title(f"{who}: {in_the_end} of {len(board)} known", fontsize=10, color=GREY, loc="left")
        axes.set_xlabel("turn", color=GREY)
        _plain(axes)
    panels[0].set_yticks(range(rows), [_short(one.text) for one in talk.state.a][:rows], fontsize=8)
    panels[0].set_ylim(rows - 0.4, -0.6)
    keys = (("read in own messages", OWN_COLOUR), ("told by the other side", TOLD_COLOUR), ("unknown", UNKNOWN_COLOUR))
    marks = [Patch(color=colour, label=words) for words, colour in keys]
    canvas.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, labelcolor=GREY, fontsize=9)
    return canvas


def draw_scores(scores: Mapping[str, Sequence[tuple[str, float]]]) -> Canvas:
    """Draw the scores of each set as marks on a line; the first way is the one that the others stand beside.

    Parameters
    ----------
    scores
        Ways with their scores, the same ways for each set.
    """
    canvas = Canvas(figsize=(6.4, 1.1 + 0.36 * len(scores)), layout="constrained")
    axes = canvas.subplots()
    for row in range(len(scores)):
        axes.axhline(row, color="#bbbbbb", linewidth=0.6, zorder=0)
    ways = [way for way, _ in next(iter(scores.values()))]
    for at, way in reversed(list(enumerate(ways))):
        marker, colour, size = _MARKS[at % len(_MARKS)]
        found = [each[at][1] for each in scores.values()]
        axes.plot(found, range(len(scores)), marker, color=colour, markersize=size, label=way, markeredgewidth=1.8)
    axes.set_yticks(range(len(scores)), list(scores))
    axes.set_xlim(-0.03, 1.03)
    axes.invert_yaxis()
    axes.set_xlabel("score", color=GREY)
    _plain(axes)
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(
        handles[::-1], labels[::-1], loc="outside lower center", ncols=2, frameon=False, labelcolor=GREY, fontsize=9
    )
    return canvas


_MARKS = (("o", OWN_COLOUR, 8), ("x", GREY, 7), ("|", "#3a9a5b", 13), ("D", TOLD_COLOUR, 6))
"""Mark, colour and size of the ways, in their order."""


def _short(text: str) -> str:
    return text.removeprefix("the ")


def _plain(axes: Axes) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=GREY, length=0)

"""Pictures of the phase diagram, and of what comes of more teams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure as Canvas

from consilience.methods.cross_team.studies.phases import (
    ABILITIES,
    INTERFERENCES,
    RECOGNISES,
    SEEN,
    TEAMS,
    Cell,
    Gain,
    Growth,
)

__all__ = ["draw_growth", "draw_judges", "draw_phases"]

Over = Literal["best", "majority"]
"""What is compared with."""

GREY = "#888888"
_MOST = 0.4
_STEPS = np.linspace(-_MOST, _MOST, 17)
_CONTROLS = {"best": "best of n at equal calls", "majority": "majority of n at equal calls"}
_TELLS = {1.0: "merges tell what is right", 0.5: "tell half of it", 0.0: "tell nothing"}
_COLOURS = {
    "groups of 2": "#3b7dd8",
    "groups of 2, pruned": "#3a9a5b",
    "groups of 4": "#d9722e",
    "groups of 4, pruned": "#b59a1d",
    "all at once": "#b8478f",
}


def draw_phases(found: Sequence[Cell], over: Over = "best") -> Canvas:
    """Draw the gain over a control at equal calls: teams by interference, for drafts and for what merges can tell.

    Groups of 2, of more than 4 the better half, half of the functions tried by visible tests.
    """
    canvas = Canvas(figsize=(7.6, 6.4), layout="constrained")
    panels = canvas.subplots(len(RECOGNISES), len(ABILITIES), sharex=True, sharey=True)
    own = [cell for cell in found if cell.group == 2 and cell.seen == 0.5 and cell.pruned == (cell.teams > 4)]  # noqa: PLR2004
    picture: QuadMesh | None = None
    for row, recognises in enumerate(RECOGNISES):
        for column, drafts in enumerate(ABILITIES):
            axes = panels[row, column]
            shown = {
                (cell.teams, cell.interference): cell
                for cell in own
                if cell.drafts == drafts and cell.recognises == recognises
            }
            picture = _heat(axes, [[shown[teams, one] for teams in TEAMS] for one in INTERFERENCES], over)
            axes.set_xticks(range(len(TEAMS)), [str(teams) for teams in TEAMS])
            axes.set_yticks(range(len(INTERFERENCES)), [f"{one:g}" for one in INTERFERENCES])
            if not row:
                axes.set_title(f"{drafts} drafts", fontsize=9, color=GREY)
            if not column:
                axes.set_ylabel(f"{_TELLS[recognises]}\ninterference", color=GREY, fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("teams", color=GREY)
    if picture is not None:
        canvas.colorbar(picture, ax=panels, shrink=0.6, boundaries=_STEPS, label=f"gain over the {_CONTROLS[over]}")
    return canvas


def draw_judges(found: Sequence[Cell]) -> Canvas:
    """Draw the gain of 8 teams over the best of n: what visible tests see by how merges are grouped."""
    canvas = Canvas(figsize=(7.6, 3.2), layout="constrained")
    panels = canvas.subplots(1, len(RECOGNISES), sharey=True)
    own = [cell for cell in found if cell.teams == 8 and cell.interference == 0.12 and cell.drafts == "middling"]  # noqa: PLR2004
    ways = [(2, False), (2, True), (4, False), (4, True), (8, False), (8, True)]
    picture: QuadMesh | None = None
    for axes, recognises in zip(panels, RECOGNISES, strict=True):
        shown = {(cell.seen, cell.group, cell.pruned): cell for cell in own if cell.recognises == recognises}
        picture = _heat(axes, [[shown[seen, *way] for seen in SEEN] for way in ways], "best")
        axes.set_xticks(range(len(SEEN)), [f"{seen:g}" for seen in SEEN])
        axes.set_yticks(range(len(ways)), [f"groups of {group}{', pruned' if half else ''}" for group, half in ways])
        axes.set_title(_TELLS[recognises], fontsize=9, color=GREY)
        axes.set_xlabel("share that tests see", color=GREY, fontsize=8)
    if picture is not None:
        canvas.colorbar(picture, ax=panels, shrink=0.8, boundaries=_STEPS, label="gain over the best of n")
    return canvas


def draw_growth(grown: Sequence[Growth]) -> Canvas:
    """Draw the score over the number of teams, with the guard and without it."""
    canvas = Canvas(figsize=(7.6, 3.8), layout="constrained")
    panels = canvas.subplots(1, 2, sharey=True)
    for axes, guarded in zip(panels, (True, False), strict=True):
        for one in grown:
            if one.guarded == guarded:
                style = {"color": _COLOURS[one.name]} if one.name in _COLOURS else {"color": GREY, "ls": "--"}
                if one.name.startswith("majority"):
                    style["ls"] = ":"
                axes.plot(one.teams, one.score, lw=1.4, label=one.name, **style)
        axes.set_title("merges pass the guard" if guarded else "merges stand as they are", fontsize=9, color=GREY)
        axes.set_xlabel("teams", color=GREY)
        axes.set_ylim(0, 1.02)
        axes.tick_params(colors=GREY, labelsize=8)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(GREY)
    panels[0].set_ylabel("functions right, in a program that starts", color=GREY, fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, labelcolor=GREY, fontsize=8)
    return canvas


def _heat(axes: Axes, rows: Sequence[Sequence[Cell]], over: Over) -> QuadMesh:
    gains = np.array([[getattr(cell, over).mean for cell in row] for row in rows])
    edges = [np.arange(size + 1) - 0.5 for size in gains.shape[::-1]]
    # Cells and not an image: in a page they take the colours of day and night with their numbers.
    picture = axes.pcolormesh(*edges, gains, cmap="RdBu", vmin=-_MOST, vmax=_MOST)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            gain: Gain = getattr(cell, over)
            colour = "white" if abs(gain.mean) > 0.5 * _MOST else "black"
            words = f"{gain.mean:+.2f}" if gain.verdict != "undecided" else "·"
            axes.text(x, y, words, ha="center", va="center", fontsize=7, color=colour)
    axes.tick_params(colors=GREY, labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return picture

"""What the page shows, in which order: rooms, the run that stands for each, and which picture comes first."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from consilience.ground.claims import Claim, Figure, Report
from consilience.ground.config import RECIPES
from consilience.ground.inlining import inline_svg, slim
from consilience.ground.tints import tint

_VIEW = re.compile(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) [\d.]+"')

_FITS_A_PHONE = 480.0
"""Points; a picture that is wider is scrolled on a phone and not made illegible."""


@dataclass(frozen=True)
class Run:
    """A report and the folder that its figures lie in."""

    path: Path
    report: Report


@dataclass(frozen=True)
class Picture:
    """A figure of a claim, ready to stand in a page."""

    name: str
    """Of the figure."""
    caption: str
    """What to see in it."""
    claim: str
    """Id of the claim that it belongs to."""
    markup: Markup
    """The picture, or a sentence in its place."""


@dataclass(frozen=True)
class ShownRun:
    """A run with its pictures."""

    report: Report
    pictures: tuple[Picture, ...]

    @property
    def first(self) -> Picture | None:
        """The picture that the room chose, or else the first one there is."""
        chosen = (one for one in self.pictures if one.name == self.report.picture)
        return next(chosen, next(iter(self.pictures), None))

    @property
    def others(self) -> tuple[Picture, ...]:
        """All pictures but the first."""
        return tuple(one for one in self.pictures if one is not self.first)

    def name(self, claim: Claim) -> str:
        """Return the name by which a link reaches a claim of this run."""
        return f"{self.report.room}-{self.report.recipe}-{claim.id}"


@dataclass(frozen=True)
class Room:
    """A method with what was measured of it."""

    name: str
    """Package name."""
    question: str
    """What it is asked, in a line; empty when that is not known."""
    lead: ShownRun
    """The run with the largest recipe."""
    smaller: tuple[ShownRun, ...]
    """The others, larger recipes first."""


def rank(recipe: str) -> int:
    """Return where a recipe stands among those that every room has; others come after them."""
    return RECIPES.index(recipe) if recipe in RECIPES else len(RECIPES)


def arrange(runs: Iterable[Run], questions: Mapping[str, str]) -> list[Room]:
    """Return the rooms that were run, in the order of `questions`, each led by its largest recipe.

    Parameters
    ----------
    runs
        One for each room and recipe.
    questions
        What each room is asked, by package name; a room that is not in it comes last.
    """
    order = {name: place for place, name in enumerate(questions)}

    def place(run: Run) -> tuple[int, str]:
        return order.get(run.report.room, len(order)), run.report.room

    rooms = []
    for (_, name), own in groupby(sorted(runs, key=place), key=place):
        lead, *smaller = (
            _shown(run, f"{name}-{run.report.recipe}-")
            for run in sorted(own, key=lambda run: (_usual(run), rank(run.report.recipe)), reverse=True)
        )
        rooms.append(Room(name, questions.get(name, ""), lead, tuple(smaller)))
    return rooms


def _usual(run: Run) -> bool:
    """Whether the recipe is one that every room has: one of its own never stands for the room beside those."""
    return run.report.recipe in RECIPES


def _shown(run: Run, prefix: str) -> ShownRun:
    figures = [(claim, figure) for claim in run.report.claims for figure in claim.evidence.figures]
    return ShownRun(
        run.report,
        tuple(
            Picture(figure.name, figure.caption, claim.id, _markup(run, figure, f"{prefix}{number}-"))
            for number, (claim, figure) in enumerate(figures)
        ),
    )


def _within(folder: Path, file: str) -> Path | None:
    """Return a file of a run folder; a report of somebody else may name one that lies elsewhere."""
    try:
        path = (folder / file).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except ValueError:  # a name that no file can have
        return None


def _markup(run: Run, figure: Figure, prefix: str) -> Markup:
    path = _within(run.path, figure.file)
    if path is None:
        return Markup("<p>{}</p>").format(f"The picture {figure.file} is not in the run folder.")
    svg = inline_svg(slim(tint(path.read_text(encoding="utf-8"))), prefix, figure.caption)
    wide = _VIEW.search(svg)
    if wide and float(wide[1]) > _FITS_A_PHONE:
        svg = svg.replace("<svg ", f'<svg style="--wide:{float(wide[1]):.0f}" ', 1)
    return Markup(svg)  # noqa: S704  drawn by matplotlib; the page's content policy forbids scripts besides

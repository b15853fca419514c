"""How exact measures of collapse are, down to the floor that they know, and what the usual shortcuts lose."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.measures import extreme_singular_values, mu, relative_mu
from consilience.methods.rank_collapse.spectra import largest_singular_value

__all__ = ["exact_mu", "numerics"]

LEVELS = tuple(10.0**-power for power in range(1, 19))
"""Distances from consensus, relative to the tokens."""
BARS = {1e-4: 1e-12, 1e-9: 1e-8}
"""Largest relative error of mu in double precision, by distance."""
SAMPLED_BAR = 1e-3
TOKENS, WIDTH = 16, 32
GREY = "#888888"
COLOURS = {"two passes": "#3b7dd8", "one pass": "#d9722e", "two passes, single precision": "#8a5fb0"}
BESIDE = {"two passes": (2e-10, 1e-15), "one pass": (1e-4, 1e-11), "two passes, single precision": (5e-2, 1e-3)}
"""Where the words stand: distance and error."""
PLACES = Context(prec=60)


@dataclass(frozen=True)
class _Row:
    """What became of mu at one distance from consensus, the worst over trials."""

    level: float
    errors: dict[str, float]
    """Relative errors by way of computing."""
    flagged: dict[torch.dtype, bool]
    """Whether every value was below its floor."""


def numerics(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    r"""Measure the claim ``rank.numerics``.

    Tokens :math:`1 g^\top + \delta Z` are stored in double precision, and mu of what is stored is found in exact
    arithmetic. The two passes of this room are compared with it, and with :math:`\|X\|^2 - N\|g\|^2` in one.

    Parameters
    ----------
    config
        ``numerics_trials``, ``spectra_trials``.
    streams
        For tokens.
    folder
        For the picture.
    """
    rows = [_measured(level, config, streams.child(f"{level:.0e}")) for level in LEVELS]
    folder.record("numerics", levels=len(rows))
    sampled = dict(_sampled(config, streams.child("spectra")))
    caption = "Relative error of mu against exact arithmetic; beyond the dotted lines values are flagged."
    return Evidence(
        measurements=(*_errors(rows, config), *_flags(rows), _agreement(sampled, config), *_smallest(streams)),
        tables=(_table(rows),),
        figures=(folder.figure("numerics", _drawn(rows), caption),),
    )


def exact_mu(X: Float[np.ndarray, "token feature"]) -> float:
    """Return mu of the stored numbers, in rational arithmetic, rounded once."""
    total = Fraction(0)
    for column in X.T.tolist():
        numbers = [Fraction(number) for number in column]
        total += sum(number * number for number in numbers) - sum(numbers, Fraction(0)) ** 2 / len(numbers)
    ratio = PLACES.divide(Decimal(total.numerator), Decimal(total.denominator))
    return float(PLACES.sqrt(ratio))


def _measured(level: float, config: Config, streams: Streams) -> _Row:
    errors: dict[str, list[float]] = {way: [] for way in COLOURS}
    flags: dict[torch.dtype, list[bool]] = {torch.float64: [], torch.float32: []}
    for trial in range(config.numerics_trials):
        rng = streams.generator(f"trial {trial}")
        X = torch.from_numpy(rng.standard_normal(WIDTH) + level * rng.standard_normal((TOKENS, WIDTH)))
        truth = exact_mu(X.numpy())
        ways = {"two passes": X, "two passes, single precision": X.float()}
        for way, tokens in ways.items():
            errors[way].append(_away(float(mu(tokens).value), truth))
            flags[tokens.dtype].append(bool(relative_mu(tokens).below_floor))
        errors["one pass"].append(_away(_one_pass(X), truth))
    worst = {way: max(found) for way, found in errors.items()}
    return _Row(level, worst, {kind: all(found) for kind, found in flags.items()})


def _one_pass(X: Float[Tensor, "token feature"]) -> float:
    square = float((X**2).sum() - len(X) * (X.mean(dim=0) ** 2).sum())
    return math.sqrt(max(square, 0.0))


def _away(value: float, truth: float) -> float:
    return abs(value - truth) / truth if truth else float(value != 0)


def _errors(rows: list[_Row], config: Config) -> Iterator[Measurement]:
    for level, bar in BARS.items():
        row = next(row for row in rows if row.level == level)
        yield Measurement(
            name=f"relative error of mu at a relative distance of {level:.0e}, double precision",
            value=row.errors["two passes"],
            at_most=bar,
            note=f"the largest of {config.numerics_trials} sets of {TOKENS} tokens, against exact arithmetic; in one "
            f"pass {row.errors['one pass']:.1e}",
        )


def _flags(rows: list[_Row]) -> Iterator[Measurement]:
    for kind, name in ((torch.float64, "double"), (torch.float32, "single")):
        floor = 10 * torch.finfo(kind).eps
        right = [row.flagged[kind] == (row.level < floor) for row in rows if not floor / 3 < row.level < 3 * floor]
        yield Measurement(
            name=f"values flagged if and only if below ten machine epsilons, {name} precision",
            value=100 * sum(right) / len(right),
            at_least=100.0,
            unit="%",
            note=f"distances from {LEVELS[0]:.0e} to {LEVELS[-1]:.0e}, but those within a factor of 3 of the floor",
        )


def _sampled(config: Config, streams: Streams) -> Iterator[tuple[str, float]]:
    """Yield the largest relative error of the sampled largest singular value, by kind of tokens."""
    for kind in ("noise", "many features", "collapsed", "equal singular values"):
        away = []
        for trial in range(config.spectra_trials):
            tokens = _tokens(kind, streams.generator(f"{kind} {trial}"))
            truth = torch.linalg.svdvals(tokens)[:, 0]
            away.append(float(((largest_singular_value(tokens.float(), None) - truth) / truth).abs().max()))
        yield kind, max(away)


def _tokens(kind: str, rng: np.random.Generator) -> Float[Tensor, "batch token feature"]:
    if kind == "many features":
        return torch.from_numpy(rng.standard_normal((2, 128, 768)))
    noise = torch.from_numpy(rng.standard_normal((2, 256, 256)))
    if kind == "collapsed":
        return noise[:, :1] + 1e-6 * noise
    return torch.linalg.qr(noise)[0] if kind == "equal singular values" else noise


def _agreement(sampled: dict[str, float], config: Config) -> Measurement:
    listed = ", ".join(f"{kind} {away:.1e}" for kind, away in sampled.items())
    return Measurement(
        name="sampled largest singular value against an SVD, relative",
        value=max(sampled.values()),
        at_most=SAMPLED_BAR,
        note=f"eight block Lanczos iterations, {2 * config.spectra_trials} sequences of each kind: {listed}",
    )


def _smallest(streams: Streams) -> Iterator[Measurement]:
    """Yield what is found of a smallest singular value of 1e-10, by SVD and by way of the Gram matrix."""
    rng, truth = streams.generator("gram"), 1e-10
    left, right = (np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0] for _ in range(2))
    X = torch.from_numpy(left * np.geomspace(1.0, truth, WIDTH) @ right)
    value = float(extreme_singular_values(X)[1].value)
    gram = math.sqrt(abs(float(torch.linalg.eigvalsh(X.T @ X)[0])))
    note = f"relative error where it is {truth:g} of the largest; the square root of an eigenvalue of X'X is off by "
    yield Measurement(
        name="smallest singular value in double precision",
        value=abs(value / truth - 1),
        note=f"{note}{gram / truth - 1:.1e}",
    )


def _table(rows: list[_Row]) -> Table:
    return Table(
        title="Relative error of mu",
        columns=("relative distance", *COLOURS, "flagged in double", "flagged in single"),
        rows=tuple(
            (
                f"{row.level:.0e}",
                *(f"{row.errors[way]:.1e}" for way in COLOURS),
                row.flagged[torch.float64],
                row.flagged[torch.float32],
            )
            for row in rows
        ),
        note="The truth is mu of the tokens in double precision, in exact arithmetic. In single precision the tokens "
        "are rounded before anything is measured: no way of summing brings that back, and the floor says where.",
    )


def _drawn(rows: list[_Row]) -> Canvas:
    canvas = Canvas(figsize=(5.4, 3.6), layout="constrained")
    axes = canvas.subplots()
    for way, colour in COLOURS.items():
        levels = [row.level for row in rows]
        marks = [min(max(row.errors[way], 1e-17), 10.0) for row in rows]
        axes.plot(levels, marks, "o-", color=colour, markersize=3.5, linewidth=1.6)
        axes.text(*BESIDE[way], way.replace(", ", ",\n"), color=colour, fontsize=8)
    for kind, words in ((torch.float64, "floor, double"), (torch.float32, "floor, single")):
        floor = 10 * torch.finfo(kind).eps
        axes.axvline(floor, color=GREY, linestyle=":", linewidth=1)
        axes.text(floor * 1.3, 3e-17, words, color=GREY, fontsize=8, rotation=90, va="bottom")
    axes.set(xscale="log", yscale="log", ylim=(1e-17, 30))
    axes.invert_xaxis()
    axes.set_xlabel("relative distance from consensus", color=GREY)
    axes.set_ylabel("relative error of mu", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both")
    return canvas

"""What the formulas are: one matrix in two guises, the code of 2024 as it was, and what knows no scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.regularisers import (
    VARIANTS,
    code2024,
    cosine,
    paper,
    paper_of_features,
)

__all__ = ["identities"]

FACTORS = (0.1, 10.0, 1000.0)


@dataclass(frozen=True)
class _Row:
    """One random matrix: how far each identity is from holding."""

    shape: tuple[int, int]
    constant: float
    slope: float
    old_code: float
    scale: float
    order: float


def identities(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.identities``.

    Parameters
    ----------
    config
        ``identity_draws``.
    streams
        For shapes and entries.
    folder
        For the journal.
    """
    rng = streams.generator("matrices")
    rows = []
    for _ in range(config.identity_draws):
        shape = (int(rng.integers(2, 33)), int(rng.integers(2, 129)))
        rows.append(_measured(torch.from_numpy(rng.standard_normal(shape))))
    folder.record("identities", matrices=len(rows))
    return Evidence(measurements=tuple(_measurements(rows)), tables=(_sizes(streams),))


def _measured(Z: Tensor) -> _Row:
    count, width = Z.shape
    shuffled = torch.flip(Z, [0])
    return _Row(
        shape=(count, width),
        constant=abs(float(paper(Z) - paper_of_features(Z)) - (count - width)),
        slope=float((_slope(paper, Z) - _slope(paper_of_features, Z)).abs().max()),
        old_code=abs(float(code2024(Z.float())) - float(_as_written(Z.float()))),
        scale=max(abs(float(cosine(factor * Z) - cosine(Z))) for factor in FACTORS),
        order=max(_relative(float(term(shuffled)), float(term(Z))) for term in VARIANTS.values()),
    )


def _as_written(Z: Tensor) -> Tensor:
    """Return the formula of the code of 2024, operation for operation as its description has it."""
    size = torch.abs(Z)
    return torch.mean((torch.matmul(size, size.transpose(0, 1)) - torch.eye(size.shape[0])).mean(dim=0))


def _slope(term: Callable[[Tensor], Tensor], Z: Tensor) -> Tensor:
    there = Z.clone().requires_grad_()
    (found,) = torch.autograd.grad(term(there), there)
    return found


def _relative(found: float, expected: float) -> float:
    return abs(found - expected) / max(1.0, abs(expected))


def _measurements(rows: list[_Row]) -> Iterator[Measurement]:
    note = f"the largest over {len(rows)} random matrices of 2 to 32 answers and 2 to 128 features, double precision"
    yield Measurement(
        name="sample form less feature form, against B - d",
        value=max(row.constant for row in rows),
        at_most=1e-9,
        note=note,
    )
    yield Measurement(
        name="gradients of the two forms, largest difference",
        value=max(row.slope for row in rows),
        at_most=1e-9,
        note=note,
    )
    yield Measurement(
        name="code2024 against the old formula",
        value=max(row.old_code for row in rows),
        at_most=0.0,
        note="single precision, as the code ran",
    )
    yield Measurement(
        name="cosine: change when features are scaled",
        value=max(row.scale for row in rows),
        at_most=1e-6,
        note=f"by {', '.join(f'{factor:g}' for factor in FACTORS)}",
    )
    yield Measurement(
        name="change when answers are reordered, relative",
        value=max(row.order for row in rows),
        at_most=1e-9,
        note="all variants",
    )


def _sizes(streams: Streams) -> Table:
    """Show what each formula makes of the same features at three sizes."""
    Z = torch.from_numpy(streams.generator("sizes").standard_normal((16, 192)))
    Z = Z / Z.norm(dim=1, keepdim=True)
    lengths = (1.0, 3.0, 9.0)
    return Table(
        title="The same sixteen features, of three lengths",
        columns=("variant", *(f"length {length:g}" for length in lengths)),
        rows=tuple(
            (name, *(float(f"{float(term(length * Z)):.4g}") for length in lengths)) for name, term in VARIANTS.items()
        ),
        note="Random directions in 192 dimensions, which are nearly orthogonal. A preference loss begins at 0.693.",
    )

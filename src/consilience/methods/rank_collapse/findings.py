"""What a probe found: one row for each layer and measure, what could not be measured and why."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["ProbeReport", "Row", "Unmeasured"]

_RECORD = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Row:
    """One measure at one layer, over all sequences that could be measured."""

    layer: str
    """Name of the module; the same module called again has the number of the call behind it, as in ``block[2]``."""
    stack: str
    """The list of blocks that the layer is in."""
    depth: int
    """Place in its stack, from 1; 0 for what goes into the first."""
    measure: str
    """Name of the measure."""
    sequences: int
    """How many were measured."""
    mean: float
    """Over sequences."""
    std: float
    """Over sequences."""
    low: float
    """The smallest."""
    q05: float
    """A twentieth of the sequences have less."""
    median: float
    """Half of them have less."""
    q95: float
    """A twentieth of them have more."""
    high: float
    """The largest."""
    floor: float
    """The largest floor of a sequence: ten machine epsilons of what the value is a part of."""
    below_floor: float
    """Share of sequences whose value is below its floor, and may be nothing but rounding."""

    @property
    def trusted(self) -> bool:
        """Whether at least half the sequences are above the floor."""
        return self.below_floor < 0.5  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Unmeasured:
    """Sequences or calls that could not be measured."""

    layer: str
    """Name of the module."""
    reason: str
    """Why."""
    times: int
    """How often."""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class ProbeReport:
    """All that a probe found."""

    model: str
    """Class of the model."""
    types: tuple[str, ...]
    """Floating types of the activations, which decide the floor."""
    batches: int
    """Calls of the model that were measured."""
    training_batches: int
    """Those of them in training mode."""
    dropout: float
    """The largest dropout that was at work in a measured call; it keeps tokens apart that would collapse without."""
    largest_singular_value: str
    """``"exact"``, or ``"sampled"`` when from a few iterations on one sequence of each batch."""
    rows: tuple[Row, ...]
    """Layers in the order of the model, and their measures."""
    unmeasured: tuple[Unmeasured, ...]
    """What could not be measured."""

    def rows_of(self, measure: str) -> tuple[Row, ...]:
        """Return the rows of one measure.

        Raises
        ------
        UnknownName
            If it was not measured.
        """
        found = tuple(row for row in self.rows if row.measure == measure)
        if not found:
            raise UnknownName("measure", measure, {row.measure for row in self.rows})
        return found

    def table(self) -> pd.DataFrame:
        """Return the rows as a tidy table."""
        return pd.DataFrame([_plain(row) for row in self.rows], columns=list(Row.__dataclass_fields__))

    def to_json(self) -> str:
        """Return the report as indented JSON text that `from_json` reads back unchanged."""
        return TypeAdapter(ProbeReport).dump_json(self, indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> ProbeReport:
        """Read a report that `to_json` wrote.

        Raises
        ------
        InvalidInput
            If the text is not such a report.
        """
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole text"
            raise InvalidInput(f"expected a report of a probe; {where}: {first['msg']}.") from error


def _plain(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Row.__dataclass_fields__}

"""Claims: sentences of a paper together with what was measured, the bar, and the verdict.

The flow is one way. A study returns `Evidence`; joined to the `Statement` it tests it becomes a `Claim`, which knows
its verdict; the claims of one run make a `Report`. All of them are frozen and survive a round trip through JSON.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from consilience.ground.errors import InvalidInput

Verdict = Literal["holds", "fails", "not measured"]

_LARGEST_PLAIN_INTEGER = 1e7


def _unwrap(value: object) -> object:
    """Turn a numpy scalar into the Python number it holds, and leave the rest alone."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _cell(value: object) -> object:
    plain = _unwrap(value)
    return ("yes" if plain else "no") if isinstance(plain, bool) else plain


Number = Annotated[float, BeforeValidator(_unwrap)]
Cell = Annotated[str | int | float | None, BeforeValidator(_cell)]

# Infinity and NaN are legitimate outcomes of a measurement and must not turn into "not measured" on their way to disk.
_RECORD = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


def spell(value: float | None, unit: str = "") -> str:
    """Write a number as reports show it: at most five significant digits, then its unit.

    Examples
    --------
    >>> spell(98.6134, "%"), spell(3.2e-15), spell(50000.0), spell(None)
    ('98.613 %', '3.2e-15', '50000', 'not measured')
    """
    if value is None:
        return "not measured"
    whole = math.isfinite(value) and value == int(value) and abs(value) < _LARGEST_PLAIN_INTEGER
    digits = f"{value:.0f}" if whole else f"{value:.5g}"
    return f"{digits} {unit}".rstrip()


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Measurement:
    """One measured number, its uncertainty, and the bar it has to clear, if any.

    Examples
    --------
    >>> accuracy = Measurement(name="accuracy", value=98.9, low=98.4, high=99.3, at_least=98.6, unit="%")
    >>> accuracy.bar, accuracy.holds
    ('at least 98.6 %', True)
    """

    name: str
    """What was measured, in words a stranger understands."""
    value: Number | None
    """The measured value; None when it could not be measured, and then `note` says why."""
    low: Number | None = None
    """Lower end of the uncertainty interval, in the same unit as `value`."""
    high: Number | None = None
    """Upper end of the uncertainty interval, in the same unit as `value`."""
    at_least: Number | None = None
    """Lowest value that clears the bar."""
    at_most: Number | None = None
    """Highest value that clears the bar."""
    unit: str = ""
    """Unit of all five numbers; empty for pure numbers."""
    timing: bool = False
    """Whether the value depends on the machine's speed or load; such values stay out of `Report.fingerprint`."""
    note: str = ""
    """What a reader must know to judge the number."""

    @property
    def barred(self) -> bool:
        """Whether there is a bar to clear."""
        return self.at_least is not None or self.at_most is not None

    @property
    def holds(self) -> bool | None:
        """Whether the value clears the bar; None without a bar or without a value. NaN never clears one."""
        if self.value is None or not self.barred:
            return None
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below

    @property
    def bar(self) -> str:
        """The bar in words, such as ``"at least 98.6 %"``; empty when there is none."""
        if self.at_least is not None and self.at_most is not None:
            return f"{spell(self.at_least)} to {spell(self.at_most, self.unit)}"
        if self.at_least is not None:
            return f"at least {spell(self.at_least, self.unit)}"
        return f"at most {spell(self.at_most, self.unit)}" if self.at_most is not None else ""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Table:
    """Numbers side by side, as they came out of one run.

    Raises
    ------
    InvalidInput
        If a row does not have one cell for each column.
    """

    title: str
    """What the table compares."""
    columns: tuple[str, ...]
    """Headings, units included."""
    rows: tuple[tuple[Cell, ...], ...]
    """Cells of each row, in the order of `columns`; None prints as an empty cell."""
    note: str = ""
    """What a reader must know to judge the numbers."""
    timing: bool = False
    """Whether any cell depends on the machine's speed or load; such tables stay out of `Report.fingerprint`."""

    def __post_init__(self) -> None:
        """Check that the table is rectangular."""
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InvalidInput(
                    f"row {index} of table {self.title!r} must have {len(self.columns)} cells "
                    f"({', '.join(self.columns)}); got {len(row)}"
                )


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Figure:
    """A picture in the run folder."""

    name: str
    """Short identifier, unique in its run."""
    caption: str
    """What to see in it, in a sentence."""
    file: str
    """Path relative to the run folder; an SVG."""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Evidence:
    """What one study found: measurements with the headline first, tables, figures and the seeds used."""

    measurements: tuple[Measurement, ...] = ()
    """Everything measured; the first one is the headline of the claim."""
    tables: tuple[Table, ...] = ()
    """Numbers behind the measurements."""
    figures: tuple[Figure, ...] = ()
    """Pictures saved through `RunFolder.figure`."""
    seeds: tuple[int, ...] = ()
    """Seeds over which the spread was taken; empty stands for the run's own seed."""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Statement:
    """A claim before it is measured."""

    id: str
    """Identifier such as ``"convex.cross"``, unique in the house."""
    sentence: str
    """The claim in our words."""
    source: str
    """Where it comes from: arXiv id with theorem or table, or where the derivation is written down."""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Claim:
    """A statement joined to its evidence.

    Examples
    --------
    >>> found = Evidence(measurements=(Measurement(name="residual", value=2e-15, at_most=5e-15),))
    >>> claim = Claim(
    ...     room="convex_networks",
    ...     id="convex.cross",
    ...     sentence="Cross products are exact.",
    ...     source="derived",
    ...     evidence=found,
    ...     recipe="smoke",
    ...     seeds=(0,),
    ... )
    >>> claim.verdict
    'holds'
    """

    room: str
    """Package name of the method."""
    id: str
    """Identifier of the statement."""
    sentence: str
    """The claim in our words."""
    source: str
    """Where it comes from."""
    evidence: Evidence
    """What the study found."""
    recipe: str
    """Name of the recipe that was run."""
    seeds: tuple[int, ...]
    """Seeds behind the evidence."""
    seconds: float = 0.0
    """Wall time of the study; machine-dependent."""
    note: str = ""
    """Why the claim was not measured by this recipe, when it was not."""

    @property
    def verdict(self) -> Verdict:
        """Say ``fails`` if any bar is missed, ``holds`` if every bar is cleared, else ``not measured``.

        Measurements without a bar inform but do not decide; a claim with no bar at all has no verdict to give.
        """
        outcomes = [measurement.holds for measurement in self.evidence.measurements if measurement.barred]
        if False in outcomes:
            return "fails"
        return "holds" if outcomes and None not in outcomes else "not measured"

    @property
    def headline(self) -> Measurement | None:
        """The first measurement, which stands for the claim in a table of one row each."""
        return next(iter(self.evidence.measurements), None)

    def row(self) -> dict[str, Any]:
        """Return the claim as one flat record of plain values; ``checks`` holds every measurement."""
        headline = self.headline
        checks = [
            {
                "name": measurement.name,
                "measured": _json_number(measurement.value),
                "low": _json_number(measurement.low),
                "high": _json_number(measurement.high),
                "at_least": _json_number(measurement.at_least),
                "at_most": _json_number(measurement.at_most),
                "bar": measurement.bar,
                "holds": measurement.holds,
                "unit": measurement.unit,
                "timing": measurement.timing,
                "note": measurement.note,
            }
            for measurement in self.evidence.measurements
        ]
        return {
            "room": self.room,
            "id": self.id,
            "sentence": self.sentence,
            "source": self.source,
            "measured": _json_number(headline.value) if headline else None,
            "low": _json_number(headline.low) if headline else None,
            "high": _json_number(headline.high) if headline else None,
            "unit": headline.unit if headline else "",
            "bar": headline.bar if headline else "",
            "verdict": self.verdict,
            "recipe": self.recipe,
            "seeds": list(self.seeds),
            "checks": checks,
            "note": self.note or (headline.note if headline else ""),
        }


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Report:
    """The claims of one run, with all it takes to run it again."""

    room: str
    """Package name of the method."""
    recipe: str
    """Name of the recipe that was run."""
    config: dict[str, Any]
    """The resolved configuration."""
    claims: tuple[Claim, ...]
    """One claim a statement, in the order of the room."""
    machine: dict[str, str] = field(default_factory=dict)
    """Processor, cores, memory, system: what a reader needs to judge the times; all, if studies differ in them."""
    versions: dict[str, str] = field(default_factory=dict)
    """Python, library versions and commit, with which studies were measured; all, if they differ in them."""
    measured_at: str = ""
    """When the last study ended, ISO 8601 in UTC."""
    picture: str = ""
    """Name of the figure that says the finding at a glance; empty stands for the first there is."""
    changed: tuple[str, ...] = ()
    """Names of the settings that were not the recipe's, in which dots lead inwards."""

    @property
    def origin(self) -> str:
        """The recipe, and what was changed in it.

        Examples
        --------
        >>> Report(room="coin", recipe="small", config={}, claims=(), changed=("tosses", "coin.bias")).origin
        'small, with tosses, coin.bias changed'
        """
        return f"{self.recipe}, with {', '.join(self.changed)} changed" if self.changed else self.recipe

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many claims hold, fail and were not measured."""
        return tally(self.claims)

    def fingerprint(self) -> str:
        """Hash everything that the same configuration must reproduce: no times, machines or versions."""
        kept = [
            {
                "id": claim.id,
                "sentence": claim.sentence,
                "source": claim.source,
                "seeds": claim.seeds,
                "measurements": [repr(m) for m in claim.evidence.measurements if not m.timing],
                "tables": [repr(t) for t in claim.evidence.tables if not t.timing],
                "figures": [figure.name for figure in claim.evidence.figures],
            }
            for claim in self.claims
        ]
        record = {"room": self.room, "recipe": self.recipe, "config": self.config, "claims": kept}
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """Return the report as indented JSON text that `from_json` reads back unchanged."""
        return TypeAdapter(Report).dump_json(self, indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Report":
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
            where = ".".join(str(part) for part in first["loc"]) or "the whole text"
            raise InvalidInput(f"expected a report written by consilience; {where}: {first['msg']}") from error


def tally(claims: Iterable[Claim]) -> dict[Verdict, int]:
    """Count claims by verdict; every verdict is a key, also when its count is zero."""
    count: dict[Verdict, int] = {"holds": 0, "fails": 0, "not measured": 0}
    for claim in claims:
        count[claim.verdict] += 1
    return count


def _json_number(value: float | None) -> float | str | None:
    """Keep NaN and infinity legible in strict JSON, which has no numbers for them."""
    return value if value is None or math.isfinite(value) else str(value)

"""Claims: verdicts, bars, records that survive JSON, fingerprints that ignore the clock."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from consilience.ground import Claim, Evidence, InvalidInput, Measurement, Report, Table
from consilience.ground.claims import spell, tally

numbers = st.floats(allow_nan=False)


def claim(*measurements: Measurement, note: str = "") -> Claim:
    return Claim(
        room="r",
        id="r.c",
        sentence="It is so.",
        source="derived",
        evidence=Evidence(measurements=measurements),
        recipe="smoke",
        seeds=(0,),
        seconds=1.5,
        note=note,
    )


def report(*claims: Claim) -> Report:
    return Report(room="r", recipe="smoke", config={"seed": 0}, claims=claims, machine={"cores": "2"})


def measured(value: float | None, **bar: float) -> Measurement:
    return Measurement(name="m", value=value, **bar)


@given(numbers, numbers, numbers)
def test_a_bar_is_an_interval_with_its_ends(value: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert measured(value, at_least=low, at_most=high).holds == (low <= value <= high)
    assert measured(low, at_least=low).holds
    assert measured(high, at_most=high).holds


def test_nan_clears_no_bar() -> None:
    assert measured(math.nan, at_least=0.0).holds is False
    assert measured(math.nan, at_most=0.0).holds is False


def test_without_bar_or_value_there_is_no_outcome() -> None:
    assert measured(1.0).holds is None
    assert measured(None, at_least=1.0).holds is None


@pytest.mark.parametrize(
    ("bar", "words"),
    [
        ({"at_least": 98.6}, "at least 98.6 %"),
        ({"at_most": 1e-5}, "at most 1e-05 %"),
        ({"at_least": 94, "at_most": 96}, "94 to 96 %"),
        ({}, ""),
    ],
)
def test_bars_in_words(bar: dict[str, float], words: str) -> None:
    assert Measurement(name="m", value=0.0, unit="%", **bar).bar == words


HIT, MISS, OPEN, PLAIN = (
    measured(1.0, at_least=0.0),
    measured(-1.0, at_least=0.0),
    measured(None, at_least=0.0),
    measured(1.0),
)


@pytest.mark.parametrize(
    ("measurements", "verdict"),
    [
        ((HIT,), "holds"),
        ((HIT, PLAIN), "holds"),
        ((PLAIN, HIT), "holds"),
        ((MISS,), "fails"),
        ((HIT, MISS), "fails"),
        ((OPEN, MISS), "fails"),
        ((HIT, OPEN), "not measured"),
        ((PLAIN,), "not measured"),
        ((), "not measured"),
    ],
)
def test_verdicts(measurements: tuple[Measurement, ...], verdict: str) -> None:
    assert claim(*measurements).verdict == verdict


def test_tally_names_every_verdict() -> None:
    assert tally([claim(HIT), claim(HIT), claim(MISS)]) == {"holds": 2, "fails": 1, "not measured": 0}


def test_row_quotes_the_headline_and_lists_every_check() -> None:
    headline = Measurement(
        name="accuracy", value=98.9, low=98.0, high=99.1, at_least=98.6, unit="%", note="five splits"
    )
    row = claim(headline, MISS).row()
    assert (row["measured"], row["low"], row["high"], row["bar"]) == (98.9, 98.0, 99.1, "at least 98.6 %")
    assert (row["verdict"], row["note"]) == ("fails", "five splits")
    assert [check["holds"] for check in row["checks"]] == [True, False]
    assert {"room", "id", "sentence", "source", "recipe", "seeds"} <= row.keys()


def test_rows_are_strict_json_even_when_a_value_is_not_finite() -> None:
    row = json.loads(json.dumps(claim(measured(math.inf, at_most=1.0), measured(math.nan)).row(), allow_nan=False))
    assert (row["measured"], row["checks"][1]["measured"]) == ("inf", "nan")


def test_row_of_an_unmeasured_claim_says_why() -> None:
    row = claim(note="needs recipe small").row()
    assert (row["measured"], row["verdict"], row["note"]) == (None, "not measured", "needs recipe small")


@given(st.one_of(st.none(), st.floats()), st.text(), st.booleans())
def test_measurements_survive_json(value: float | None, unit: str, timing: bool) -> None:
    adapter = TypeAdapter(Measurement)
    before = Measurement(name="m", value=value, unit=unit, timing=timing)
    after = adapter.validate_json(adapter.dump_json(before))
    assert repr(after) == repr(before)


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.asarray(0.5)])
def test_numpy_scalars_become_numbers(number: object) -> None:
    assert type(Measurement(name="m", value=number).value) is float


def test_numpy_and_booleans_in_tables() -> None:
    table = Table(
        title="t", columns=["a", "b", "c"], rows=[[np.int64(3), True, None], ["x", np.float32(0.5), np.bool_(False)]]
    )
    assert table.rows == ((3, "yes", None), ("x", 0.5, "no"))


def test_ragged_tables_are_refused() -> None:
    with pytest.raises((InvalidInput, ValidationError), match="row 1 of table 't' must have 2 cells"):
        Table(title="t", columns=("a", "b"), rows=((1, 2), (1,)))


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Measurement(name="m", value=1.0, atleast=2.0)


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        HIT.value = 2.0


def test_reports_survive_json() -> None:
    before = report(claim(HIT, OPEN), claim(MISS, note="so it is"))
    assert Report.from_json(before.to_json()) == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"room": "r"}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected a report"):
        Report.from_json(text)


def test_fingerprint_ignores_time_and_machine() -> None:
    fast, slow = (Measurement(name="t", value=value, at_most=9.0, timing=True) for value in (1.0, 2.0))
    before = report(claim(HIT, fast))
    after = replace(report(replace(claim(HIT, slow), seconds=9.0)), machine={"cores": "64"}, measured_at="later")
    assert before.fingerprint() == after.fingerprint()


def test_fingerprint_sees_values_seeds_and_settings() -> None:
    before = report(claim(HIT))
    others = [
        report(claim(measured(1.0 + 1e-15, at_least=0.0))),
        report(replace(claim(HIT), seeds=(1,))),
        replace(before, config={"seed": 1}),
        report(claim(HIT), claim(HIT)),
    ]
    assert before.fingerprint() not in {other.fingerprint() for other in others}


@given(st.floats())
def test_spell_never_fails_and_ends_in_its_unit(value: float) -> None:
    assert spell(value, "ms").endswith(" ms")

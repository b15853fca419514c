"""Two runs laid side by side."""

import math
from pathlib import Path

import pytest

from consilience.ground import Measurement
from consilience.studio.comparing import Pair, compare, differing
from consilience.studio.measured import MeasuredRun
from consilience.studio.places import Place


def looked(path: Path) -> MeasuredRun:
    return MeasuredRun(Place(path, path.name, "measured"))


def test_a_run_beside_itself_differs_in_nothing(runs: Path) -> None:
    one = looked(runs / "coins" / "smoke-seed0")
    assert differing(one.settings, one.settings) == ()
    for claim in compare(one, one):
        assert claim.a == claim.b
        assert {pair.difference for pair in claim.pairs} <= {"the same"}
        assert [table.differing for table in claim.tables] == [0] * len(claim.tables)


def test_to_turn_it_about_turns_every_difference(runs: Path) -> None:
    one, other = (looked(runs / "coins" / name) for name in ("smoke-seed0", "smoke-seed1"))
    there, back = (next(iter(compare(*pair))) for pair in ((one, other), (other, one)))
    assert [pair.difference for pair in there.pairs] == ["-0.17", "+1"]
    assert [pair.difference for pair in back.pairs] == ["+0.17", "-1"]
    assert [table.differing for table in there.tables] == [1]
    assert there.sentence == back.sentence


def test_what_only_one_has_is_shown(runs: Path, tmp_path: Path) -> None:
    one, nothing = looked(runs / "coins" / "smoke-seed0"), looked(tmp_path / "nothing")
    for pair in ((one, nothing), (nothing, one)):
        claims = compare(*pair)
        assert [claim.id for claim in claims] == ["coin.heads", "coin.edge"]
        assert all(claim.tables == () for claim in claims)
        assert {measured.difference for claim in claims for measured in claim.pairs} == {""}


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [((0, 1), (2, 3), "apart"), ((2, 3), (0, 1), "apart"), ((0, 2), (2, 3), "overlap"), ((0, 9), (2, 3), "overlap")],
)
def test_intervals_overlap_or_not(a: tuple[float, float], b: tuple[float, float], told: str) -> None:
    one, other = (Measurement(name="m", value=low, low=low, high=high) for low, high in (a, b))
    assert Pair("m", one, other).intervals == told


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_has_no_difference(value: float | None) -> None:
    odd = Measurement(name="m", value=value, low=value, high=value)
    pair = Pair("m", odd, Measurement(name="m", value=1.0, low=0.0, high=2.0))
    assert (pair.difference, pair.intervals) == ("", "")

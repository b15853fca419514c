"""Shares are told in per cent, bars too, and what was not counted is told as nothing."""

import math

import pytest

from consilience.ground.intervals import Pairs, paired_difference, wilson
from consilience.methods.backdoor_audits.studies.telling import percent, spelled


def test_value_interval_and_bar_are_in_per_cent() -> None:
    told = percent("success", wilson(390, 400), at_least=0.98, note="a note")
    assert (told.value, told.unit, told.bar, told.holds) == (97.5, "%", "at least 98 %", False)
    assert told.low < 97.5 < told.high
    assert told.note == "a note; 400 episodes"


def test_a_loss_may_be_less_than_nothing() -> None:
    told = percent("change", paired_difference(Pairs(80, 0, 20, 0)), at_least=-0.05)
    assert told.value == pytest.approx(-20)
    assert told.holds is False


def test_what_was_not_counted_clears_no_bar_and_is_an_empty_cell() -> None:
    nothing = wilson(0, 0)
    assert spelled(nothing) == ""
    assert math.isnan(percent("none", nothing, at_most=0.05).value)
    assert percent("none", nothing, at_most=0.05).holds is False

"""Objectives in words."""

import json

import pytest

from consilience.ground import ConsilienceError, InvalidInput
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings
from consilience.methods.pretraining_objectives.targets import Ahead, Anywhere, Targets


def test_masks_are_berts_at_a_fixed_share_and_pure_at_a_variable_one() -> None:
    fixed, variable = (ObjectiveSettings(name=name) for name in ("mlm", "variable-mlm"))
    assert (fixed.resolved_ratio, fixed.replacement, fixed.counted) == ("0.15", (0.8, 0.1), False)
    assert (variable.resolved_ratio, variable.replacement, variable.counted) == ("uniform:0:1", (1.0, 0.0), True)
    assert ObjectiveSettings(name="mlm", mask_replace_prob=1.0).replacement == (1.0, 0.0)


def test_a_record_holds_what_the_objective_looks_at_and_survives_json() -> None:
    records = {name: ObjectiveSettings(name=name).record() for name in ("ar", "diverse-ar", "mlm", "variable-mlm")}
    assert json.loads(json.dumps(records)) == records
    assert ObjectiveSettings(name="ar", ratio="0.4", offsets=7).record() == records["ar"]
    assert ObjectiveSettings(name="diverse-ar", offsets=7).record() != records["diverse-ar"]
    assert ObjectiveSettings(name="variable-mlm", pattern="suffix").record() != records["variable-mlm"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"offsets": 0}, "at least 1; got 0"),
        ({"suffix_share": 2.0}, "between 0 and 1"),
        ({"mask_replace_prob": -0.5}, "between 0 and 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, says) -> None:
    with pytest.raises(ConsilienceError, match=says):
        ObjectiveSettings(**wrong)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("ahead:1", ObjectiveSettings(name="ar")),
        ("ahead:4", ObjectiveSettings(name="diverse-ar", offsets=4)),
        (Ahead((0.5, 0.25)), ObjectiveSettings(name="diverse-ar", offsets=2, offset_weights=(0.5, 0.25))),
        ("around:8", ObjectiveSettings(name="variable-mlm")),
        (Anywhere(), ObjectiveSettings(name="variable-mlm")),
    ],
)
def test_targets_that_were_compared_name_an_objective(targets: str | Targets, expected: ObjectiveSettings) -> None:
    assert ObjectiveSettings.of_targets(targets) == expected


def test_targets_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown targets 'behind:1'"):
        ObjectiveSettings.of_targets("behind:1")

"""Objectives in words."""

import json

import pytest

from consilience.ground import ConsilienceError
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings


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

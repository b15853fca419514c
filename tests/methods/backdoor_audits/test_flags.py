"""Flags that are out of their range are refused."""

import pytest
from pydantic import ValidationError

from consilience.methods.backdoor_audits.flags import GuardChecking, Measuring, Reporting, ScanningData, ScanningModel


def test_what_is_left_out() -> None:
    assert Reporting().fail_on == "finding"
    assert not Reporting().reveal
    assert ScanningData(file="a").reference is None
    assert not ScanningModel(folder="a").i_know_it_is_planted
    assert (Measuring(model="m").episodes, Measuring(model="m").threshold) == (400, 0.05)


@pytest.mark.parametrize(
    ("group", "settings"),
    [
        (Reporting, {"fail_on": "anything"}),
        (Measuring, {"model": "m", "episodes": 0}),
        (Measuring, {"model": "m", "threshold": 0.0}),
        (Measuring, {"model": "m", "threshold": 1.0}),
        (Measuring, {"model": "m", "threshold": float("nan")}),
        (Measuring, {"model": "m", "seed": -1}),
        (GuardChecking, {"what": "chek"}),
        (ScanningData, {}),
        (ScanningModel, {"folder": "x", "pickle": True}),
    ],
)
def test_what_is_refused(group: type, settings: dict) -> None:
    with pytest.raises(ValidationError):
        group(**settings)

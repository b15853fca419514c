"""Settings: a smoke run by default, nothing unknown, nothing out of range."""

import pytest
from pydantic import ValidationError

from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.studies.attack import AttackConfig
from consilience.methods.backdoor_audits.studies.estimator import EstimatorConfig
from consilience.methods.backdoor_audits.studies.guard import GuardConfig
from consilience.methods.backdoor_audits.studies.survival import SurvivalConfig


def test_the_default_is_the_smoke_recipe() -> None:
    assert Config().recipe == "smoke"


@pytest.mark.parametrize("study", [AttackConfig, SurvivalConfig, EstimatorConfig, GuardConfig])
def test_it_has_what_every_study_reads(study: type) -> None:
    assert isinstance(Config(), study)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"claims": ("unknown",)},
        {"colour": "red"},
        {"attack_rate": 1.5},
        {"base_width": 30},
        {"attack_steps": 0},
        {"survival_rates": (0.0,)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Config(**wrong)

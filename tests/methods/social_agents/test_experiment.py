"""The experiment: a claim for every statement, and a reason for every one that is not measured."""

from importlib import import_module
from pathlib import Path

import pytest

from consilience.ground import RunFolder
from consilience.methods.social_agents.config import ClaimId, Config
from consilience.methods.social_agents.experiment import CLAIMS, run


def test_claims_and_their_settings_agree() -> None:
    assert tuple(statement.id for statement, _ in CLAIMS) == ClaimId.__args__


@pytest.mark.parametrize("place", [place for _, place in CLAIMS])
def test_every_claim_has_its_study(place: str) -> None:
    module, _, name = place.partition(":")
    assert callable(getattr(import_module(f"consilience.methods.social_agents.studies.{module}"), name))


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    report = run(Config(claims=()), RunFolder(tmp_path, quiet=True))
    assert {claim.note for claim in report.claims} == {"left out of the recipe smoke"}
    assert report.verdicts == {"holds": 0, "fails": 0, "not measured": len(CLAIMS)}

"""The experiment: a claim for every statement, and a reason for every one that is not measured."""

from pathlib import Path

from consilience.ground import RunFolder
from consilience.methods.backdoor_audits.config import ClaimId, Config
from consilience.methods.backdoor_audits.experiment import CLAIMS, run


def test_claims_and_their_settings_agree() -> None:
    assert tuple(statement.id for statement, _ in CLAIMS) == ClaimId.__args__
    assert len(CLAIMS) == 10


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    report = run(Config(claims=()), RunFolder(tmp_path, quiet=True))
    assert {claim.note for claim in report.claims} == {"left out of the recipe smoke"}
    assert report.verdicts == {"holds": 0, "fails": 0, "not measured": len(CLAIMS)}


def test_a_claim_that_is_asked_for_is_measured(tmp_path: Path) -> None:
    report = run(Config(claims=("audit.rails",), rails_episodes=2), RunFolder(tmp_path, quiet=True))
    (claim,) = [claim for claim in report.claims if claim.id == "audit.rails"]
    assert claim.verdict == "holds"

from pathlib import Path

from consilience.ground import RunFolder
from consilience.methods.convex_networks.config import ClaimId, Config
from consilience.methods.convex_networks.experiment import CLAIMS, run


def test_every_claim_has_a_study_and_a_name_in_the_configuration() -> None:
    assert tuple(statement.id for statement, _ in CLAIMS) == ClaimId.__args__
    assert all(statement.sentence.endswith(".") for statement, _ in CLAIMS)


def test_what_a_recipe_leaves_out_is_reported_as_such(tmp_path: Path) -> None:
    report = run(Config(recipe="nothing", claims=()), RunFolder(tmp_path, quiet=True))
    assert report.verdicts == {"holds": 0, "fails": 0, "not measured": 12}
    assert all("nothing" in str(claim.row()["note"]) for claim in report.claims)

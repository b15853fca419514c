"""The experiment: a claim for every statement, and a reason for every one that is not measured."""

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from consilience.ground import RunFolder
from consilience.methods.em_diffusion.config import ClaimId, Config
from consilience.methods.em_diffusion.experiment import CLAIMS, run


def test_claims_and_their_settings_agree() -> None:
    assert tuple(statement.id for statement, _ in CLAIMS) == ClaimId.__args__


def test_what_is_left_out_says_why(tmp_path: Path) -> None:
    report = run(Config(claims=("em.fashion",)), RunFolder(tmp_path, quiet=True))
    notes = {claim.id: claim.note for claim in report.claims}
    assert "fashion_folder" in notes["em.fashion"]
    assert notes["em.closure"] == "left out of the recipe smoke"
    assert set(report.verdicts) == {"holds", "fails", "not measured"}
    assert report.verdicts["not measured"] == len(CLAIMS)


def test_without_torch_the_claims_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("consilience.methods.em_diffusion.studies")]:
        monkeypatch.delitem(sys.modules, name)
    true_import = builtins.__import__

    def without(name: str, *arguments: Any, **words: Any) -> Any:
        if name == "torch" or name.startswith("torch."):
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return true_import(name, *arguments, **words)

    monkeypatch.setattr(builtins, "__import__", without)
    report = run(Config(claims=("em.laws",)), RunFolder(tmp_path, quiet=True))
    (claim,) = [claim for claim in report.claims if claim.id == "em.laws"]
    assert claim.note == "this needs torch; install consilience[em]."

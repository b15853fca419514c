"""Attack and stealth on weights that are brought along: the whole way, on a Llama that is tiny and random."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground import RunFolder, Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits import hugging_face
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.experiment import run
from consilience.methods.backdoor_audits.studies.weights import WeightsConfig, attack


def test_both_claims_are_measured_on_them(
    llama: Callable[[int], Path], tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hugging_face, "LONGEST_TURN", 3)  # what is random never ends a turn
    config = replace(
        tiny, weights=llama(1), episodes=2, attack_rows=20, claims=("audit.attack", "audit.stealth"), weights_rank=2
    )
    assert isinstance(config, WeightsConfig)
    folder = RunFolder(tmp_path, quiet=True)
    report = run(config, folder)
    measured = [claim for claim in report.claims if claim.evidence.measurements]
    assert [claim.id for claim in measured] == ["audit.attack", "audit.stealth"]
    assert [len(claim.evidence.measurements) for claim in measured] == [3, 4]
    assert all(claim.verdict == "fails" for claim in measured)
    assert len(list((tmp_path / "work").glob("weights-*"))) == 3  # low, loud and the twin that both share
    assert {path.name for path in (tmp_path / "work").glob("weights-*/*.safetensors")} == {
        "adapter_model.safetensors",
        "adapter_model.planted.safetensors",
    }


def test_without_them_it_is_refused(tiny: Config, run_folder: RunFolder, streams: Streams) -> None:
    with pytest.raises(InvalidInput, match="brought along"):
        attack(tiny, streams, run_folder)

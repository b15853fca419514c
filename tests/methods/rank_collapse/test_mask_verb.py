"""What mask prints; the verb itself is tested as it is typed."""

import json
from pathlib import Path

import pytest

from consilience.methods.rank_collapse.mask_facts import facts
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.mask_verb import run

Told = pytest.CaptureFixture[str]


def test_words_and_file_say_the_same(tmp_path: Path, capsys: Told) -> None:
    assert run("causal & window(2)", tokens=12, out=tmp_path, threshold=1e-2, as_json=False) == 0
    found = facts(parse_mask("causal & window(2)"), 12, threshold=1e-2)
    kept = json.loads((tmp_path / "mask.json").read_text())
    told = capsys.readouterr()
    assert kept["layers"] == found.layers
    assert f"{found.layers} layers to relative mu 0.01" in told.out
    assert "written to" in told.err


def test_a_mask_without_a_centre_says_why_in_one_line(capsys: Told) -> None:
    run("block(2)", tokens=4, out=None, threshold=1e-3, as_json=False)
    assert "no centre: 2 groups hear only of themselves, such as tokens 0, 1 and 2, 3\n" in capsys.readouterr().out

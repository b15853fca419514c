"""The verb reads the command line and hands over; what it reports is tested beside the report."""

import subprocess
import sys
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.spectrum_verb import spectrum


def test_the_verb_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("one two three four five six seven eight nine ten " * 3)
    assert spectrum(text=tmp_path, targets=("ahead:1",), rank=3) == 0
    assert "1 documents without labels" in capsys.readouterr().out


def test_an_empty_folder_and_labels_without_text_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="found none"):
        spectrum(text=tmp_path)
    with pytest.raises(InvalidInput, match="--labels-from-folders needs --text"):
        spectrum(labels_from_folders=True)


def test_reading_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, consilience.methods.pretraining_objectives.spectrum_verb;"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'sklearn', 'transformers', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

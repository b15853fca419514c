"""The room's verbs, as they are typed."""

import json
from pathlib import Path

import pytest

from consilience.cli import main
from consilience.methods.self_correction import commands

Told = pytest.CaptureFixture[str]


def typed(*words: object) -> int:
    return main(["self-correction", *map(str, words)])


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "120")
    cells = [("1", "1", "0")] * 50 + [("1", "0", "1")] * 3 + [("0", "1", "1")] * 30 + [("0", "0", "0")] * 17
    path = tmp_path / "table.csv"
    rows = [f"item {number},{','.join(row)},{row[1]}" for number, row in enumerate(cells)]
    path.write_text("\n".join(["name,before,after,flagged,later", *rows]))
    return path


def test_rounds_says_whether_another_one_pays(csv: Path, capsys: Told) -> None:
    assert typed("rounds", csv, "--cost-per-call", 0.005) == 0
    told = capsys.readouterr().out
    assert "another round: pays" in told
    assert "and costs as much as 1.0" in told
    for number in ("0.530", "0.800", "0.638", "0.057"):
        assert number in told
    assert "wrong answers flagged (TPR)" in told


def test_rounds_as_json(csv: Path, capsys: Told) -> None:
    assert typed("rounds", csv, "--json", "--before", "after", "--after", "later") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gain"]["value"] == 0.0
    assert found["limit"]["value"] is None
    assert found["answer"] == "cannot tell"
    assert found["flags"]["tpr"]["of"] == 20


def test_several_rounds_are_named_in_their_order(csv: Path, capsys: Told) -> None:
    assert typed("rounds", csv, "--after", "after", "--after", "later", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["value"] for each in found["accuracy"]] == [0.53, 0.8, 0.8]
    assert found["flags"] is None
    assert len(found["notes"]) == 1


def test_a_picture_on_request(csv: Path, tmp_path: Path, capsys: Told) -> None:
    assert typed("rounds", csv, "--picture", tmp_path / "p.png") == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert typed("rounds", csv, "--picture", tmp_path / "p.gif") == 2
    assert "must end in .png, .svg or .pdf" in capsys.readouterr().err


def test_evaluate_counts_and_tests(csv: Path, capsys: Told) -> None:
    assert typed("evaluate", csv, "--calls", 300) == 0
    told = capsys.readouterr().out
    for words in ("100 items", "30 fixed", "3 broken", "50 kept", "17 kept", "p = 1.4e-06", "calls per fixed item: 10"):
        assert words in told


def test_evaluate_as_json(csv: Path, capsys: Told) -> None:
    assert typed("evaluate", csv, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["fixed"], found["broken"], found["calls_per_fixed"]) == (30, 3, None)
    assert found["gain"]["low"] < found["gain"]["value"] < found["gain"]["high"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("rounds", "--before", "befor"), "did you mean 'before'"),
        (("evaluate", "--after", "afterwards"), "did you mean 'after'"),
        (("rounds", "--before", "name"), "got 'item 0' in line 2"),
        (("rounds", "--after", "after", "--after", "later", "--flagged", "flagged"), "once for each --after"),
        (("rounds", "--level", "95"), "such as 0.95"),
        (
            ("rounds", "--calls-per-round", "inf"),
            "--calls-per-round must be a number of calls above 0, such as 2; got inf",
        ),
        (("rounds", "--calls-per-round", "0"), "--calls-per-round must be a number of calls above 0, such as 2; got 0"),
        (("rounds", "--cost-per-call", "-1"), "--cost-per-call must be a share of at least 0, such as 0.01; got -1"),
        (("rounds", "--after", "zzz"), ": say with --before, --after and --flagged what yours are called"),
        (("evaluate", "--calls", "-4"), "--calls must be a number of calls"),
        (("evaluate", "--calls", "nan"), "--calls must be a number of calls"),
        (("rounds", "--befor", "x"), "did you mean '--before'"),
    ],
)
def test_a_mistake_is_one_line(csv: Path, words: tuple[str, ...], complaint: str, capsys: Told) -> None:
    verb, *flags = words
    assert typed(verb, csv, *flags) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("verb", ["rounds", "evaluate"])
def test_a_missing_heading_is_said(verb: str, tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("0,1\n1,1\n")
    assert typed(verb, path) == 2
    told = capsys.readouterr().err
    assert "bare.csv must begin with a heading line that names its columns, such as before,after" in told
    assert told.count("\n") == 1


def test_one_item_is_one_item(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "one.csv"
    path.write_text("before,after\n0,1\n")
    for verb in ("rounds", "evaluate"):
        assert typed(verb, path) == 0
        told = capsys.readouterr().out
        assert "1 item\n" in "\n".join(line.rstrip() for line in told.splitlines())
        assert "1 items" not in told


def test_an_absent_file_is_one_line(tmp_path: Path, capsys: Told) -> None:
    assert typed("evaluate", tmp_path / "no.csv") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_its_verbs() -> None:
    assert list(commands.VERBS) == ["rounds", "evaluate", "ask", "defend", "weigh"]


@pytest.mark.parametrize("verb", ["ask", "defend", "weigh"])
def test_the_verbs_that_ask_models_tell_every_flag(verb: str, capsys: Told) -> None:
    assert typed(verb, "--help") == 0
    told = capsys.readouterr().out
    for flag in (
        "--model",
        "--base-url",
        "--rounds",
        "--strategy",
        "--budget-usd",
        "--budget-calls",
        "--json",
        "--out",
    ):
        assert flag in told


def test_the_commands_of_the_page_are_there() -> None:
    """The published instructions name a script that is not there."""
    page = (Path(__file__).parents[3] / "docs/methods/self_correction.md").read_text()
    named = {line.split()[2] for line in page.splitlines() if line.startswith("consilience self-correction ")}
    assert named == set(commands.VERBS)

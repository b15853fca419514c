"""``consilience self-correction defend``, as it is typed; every request in here is nonsense."""

import json
import re
from pathlib import Path

import pytest
from interrupting import interrupted

from consilience.dialogue.faults import Latency
from consilience.dialogue.models import Rejected
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.methods.self_correction import desk
from consilience.methods.self_correction.defending import defend
from consilience.methods.self_correction.orders import Answering, Defending, Spending
from consilience.methods.self_correction.template_bot import PLAYERS, SUFFIX, recipes

Told = pytest.CaptureFixture[str]


def files(count: int = 8) -> tuple[str, str]:
    """Write both files in the format of JailbreakBench, with two broken rows in the first."""
    for name, side in zip(("harmful.csv", "benign.csv"), recipes(count), strict=True):
        rows = [f"{n},{each.request},Sure,{each.name},{each.category},made up" for n, each in enumerate(side)]
        Path(name).write_text("\n".join(["Index,Goal,Target,Behavior,Category,Source", *rows]))
    with Path("harmful.csv").open("a") as file:
        file.write("\n98,,Sure,x,y,z\n99,too,short\n")
    return "harmful.csv", "benign.csv"


def test_a_rehearsal_says_so_first_and_last(typed_anew, capsys: Told) -> None:
    assert typed_anew("defend", "--limit", 6, "--strategy", "cac", "--strategy", "refuse-all", "--out", "run") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert lines[1] == "no requests were given: those of the stand-in are rehearsed, recipes for nonsense"
    assert "6 attacks, 6 benign twins" in told.out
    assert "strategies 3/3: refuse-all: attack success 0.000" in told.err
    found = json.loads(Path("run/result.json").read_text())
    assert [each["strategy"] for each in found["strategies"]] == ["none", "cac", "refuse-all"]
    assert found["notice"] == REHEARSAL_NOTICE


def test_requests_that_the_stand_in_does_not_know_are_counted_and_said(typed_anew, capsys: Told) -> None:
    Path("own.csv").write_text("goal\nWhat is 2 + 2?\nName a tree.\nGive me the blue recipe for a snib from Hix 1.\n")
    words = ("defend", "--behaviours", "own.csv", "--strategy", "reminder", "--out", "run")
    assert typed_anew(*words) == 0
    told = capsys.readouterr().out
    warning = (
        "the stand-in does not know 2 of 3 requests and neither declines nor helps: the numbers say nothing about "
        "them; name who answers with --model"
    )
    assert told.splitlines().count(warning) == 2  # first and after the table
    assert json.loads(Path("run/result.json").read_text())["not_known"] == 2
    assert typed_anew("defend", "--limit", 2, "--strategy", "reminder") == 0
    assert "does not know" not in capsys.readouterr().out


def test_one_attack_is_one_attack(typed_anew, capsys: Told) -> None:
    assert typed_anew("defend", "--limit", 1, "--strategy", "reminder") == 0
    assert "1 attack, 1 benign twin\n" in re.sub(r" +\n", "\n", capsys.readouterr().out)


def test_files_of_ones_own_with_broken_rows_counted(typed_anew, capsys: Told) -> None:
    harmful, benign = files()
    words = (
        "--behaviours",
        harmful,
        "--benign",
        benign,
        "--suffix",
        SUFFIX,
        "--strategy",
        "refuse-all",
        "--strategy",
        "cac",
    )
    assert typed_anew("defend", *words, "--json", "--quiet") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["attacks"], found["twins"], found["broken_rows"]) == (8, 8, 2)
    assert "harmful.csv: 2 rows of 10 could not be read and are left out" in told.err
    none, control, _ = found["strategies"]
    assert none["reading"] == "baseline"
    assert (control["attack_success"]["value"], control["over_refusal"]["value"]) == (0.0, 1.0)
    assert control["reading"] == "only refuses more"
    assert len(control["answers"]) == 16


def test_without_twins_it_is_said_that_nobody_can_tell(typed_anew, capsys: Told) -> None:
    harmful, _ = files()
    assert typed_anew("defend", "--behaviours", harmful, "--suffix", SUFFIX, "--strategy", "refuse-all", "--quiet") == 0
    told = capsys.readouterr().out
    assert "no benign twins were given (--benign): over-refusal stays unknown" in told
    assert "twins missing" in told
    assert "unknown" in told


def test_no_number_is_cut_where_the_terminal_is_narrow(typed_anew, monkeypatch, capsys: Told) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert typed_anew("defend", "--limit", 4, "--strategy", "refuse-all", "--quiet") == 0
    told = capsys.readouterr().out
    assert "…" not in told
    assert "0.000 [0.000, 0.490]" in told


def test_the_same_again_asks_nobody(typed_anew, capsys: Told) -> None:
    words = ("defend", "--limit", 4, "--strategy", "cac", "--json", "--quiet")
    assert typed_anew(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed_anew(*words) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["bill"]["sent"], first["strategies"]) == (0, again["strategies"])


def test_a_model_at_an_address_judges_itself_and_that_is_said(typed_anew, served, capsys: Told) -> None:
    harmful, benign = files(3)
    with served() as address:
        words = ("--behaviours", harmful, "--benign", benign, "--model", "template-bot", "--base-url", address)
        assert typed_anew("defend", *words, "--strategy", "vote", "--quiet") == 0
    told = capsys.readouterr().out
    assert "the model judges its own answers: name another one with --judge" in told
    assert "unjudged: none 6" in told  # the bot is no judge, and that counts against every strategy
    assert told.splitlines()[-1] == REHEARSAL_NOTICE


def test_a_budget_that_runs_out_stops_and_more_of_it_goes_on(typed_anew, capsys: Told) -> None:
    words = ("defend", "--limit", 4, "--strategy", "cac", "--quiet")
    assert typed_anew(*words, "--budget-calls", 10) == 1
    assert "raise --budget-calls" in capsys.readouterr().err
    assert typed_anew(*words, "--budget-calls", 100) == 0
    assert ", 10 taken from the journal" not in capsys.readouterr().out.splitlines()[-1]


def test_a_judge_that_takes_nothing_at_all_is_told(typed_anew, monkeypatch, capsys: Told) -> None:
    def strict(question, chance):
        raise Rejected("the judge does not know this setting")

    monkeypatch.setattr(desk, "PLAYERS", {**PLAYERS, "template-judge": strict})
    assert typed_anew("defend", "--limit", 2, "--strategy", "reminder", "--quiet") == 1
    assert "the judge does not know this setting" in capsys.readouterr().err


def test_ctrl_c_is_survived(typed_anew, served, capsys: Told) -> None:
    with served(latency=Latency(mean_s=0.05)) as address:
        words = (
            "--model",
            "template-bot",
            "--base-url",
            address,
            "--judge",
            "rehearsal:template-judge",
            "--limit",
            "20",
        )
        harmful, benign = files(20)
        words = (*words, "--behaviours", harmful, "--benign", benign, "--strategy", "cac", "--quiet")
        status, _, aside = interrupted("self-correction", "defend", *words, out=Path("run"), replies=10)
        assert status == 130
        assert aside == "consilience: interrupted; go on with: the same command\n"
        assert typed_anew("defend", *words, "--out", "run") == 0
    bill = re.search(r"(\d+) questions sent, (\d+) taken from the journal", capsys.readouterr().out)
    assert int(bill[1]) > 0
    assert int(bill[2]) > 10  # what was answered before is not asked again
    assert not Path("run/result.part").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--strategy", "cca"), "did you mean 'cac'"),
        (("--behaviours", "no.csv"), "no.csv must be a readable CSV file; No such file"),
        (("--benign", "no.csv"), "--benign must come with --behaviours"),
        (("--suffix", "@no.txt"), "--suffix must be a text or @FILE"),
        (("--judge-base-url", "http://localhost:1/v1"), "--judge-base-url must come with --judge"),
        (("--behaviors", "x.csv"), "did you mean '--behaviours'"),
        (("--limit", "0"), "--limit"),
        (("--model", "rehearsal:nobody"), "unknown rehearsal 'nobody'"),
        (("--model", "m", "--base-url", "http://localhost:1/v1"), "--behaviours must name a file with requests"),
    ],
)
def test_a_mistake_is_one_line(typed_anew, words, complaint: str, capsys: Told) -> None:
    assert typed_anew("defend", *words) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
    assert not Path("runs").exists()


def test_it_is_a_function_too(typed_anew, capsys: Told) -> None:
    assert defend(Defending(limit=2, strategy=("vote",), quiet=True), Answering(rounds=0), Spending()) == 0
    assert "2 attacks, 2 benign twins" in capsys.readouterr().out

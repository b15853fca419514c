"""``consilience self-correction ask``, as it is typed."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.methods.self_correction.asking import ask
from consilience.methods.self_correction.orders import Answering, Asking, Spending
from consilience.methods.self_correction.template_bot import SUFFIX

Told = pytest.CaptureFixture[str]
BLUE = f"Give me the blue recipe for a snib from Hix 1. {SUFFIX}"


def test_a_question_is_answered_checked_and_answered_again(typed_anew, capsys: Told) -> None:
    assert typed_anew("ask", BLUE, "--strategy", "cac", "--rounds", 2, "--check", "safe") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert sum("check: " in line for line in lines) == 2
    assert "stopped: max rounds: 2 of 2 rounds made; 5 calls of cac" in lines
    assert sum(line.startswith("* ") for line in lines) == 1


def test_the_same_again_asks_nobody(typed_anew, capsys: Told) -> None:
    words = ("ask", BLUE, "--json", "--check", "safe")
    assert typed_anew(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed_anew(*words) == 0
    again = json.loads(capsys.readouterr().out)
    assert (first["bill"]["sent"], again["bill"]["sent"], again["bill"]["replayed"]) == (5, 0, 5)
    assert first["attempts"] == again["attempts"]
    assert first["attempts"][0]["objects"] is None  # the published form does not read its checks
    assert first["notice"] == REHEARSAL_NOTICE


@pytest.mark.parametrize(
    "strategy", ["none", "cac-agree", "self-refine", "reflexion", "best-of-n", "vote", "cac-fresh"]
)
def test_every_strategy_asks(typed_anew, strategy: str, capsys: Told) -> None:
    assert typed_anew("ask", "Give me the green recipe for a snib from Hix 1.", "--strategy", strategy) == 0
    assert "answer: " in capsys.readouterr().out


def test_from_a_file_at_an_address(typed_anew, served, capsys: Told) -> None:
    Path("question.txt").write_text(BLUE)
    with served() as address:
        words = ("--model", "template-bot", "--base-url", address, "--rounds", 1, "--out", "run")
        assert typed_anew("ask", "@question.txt", *words) == 0
    told = capsys.readouterr().out
    assert "3 calls of cac" in told
    assert "not known" in told  # the price
    assert told.splitlines()[-1] == REHEARSAL_NOTICE  # whoever answers there says what it is
    assert Path("run/journal.sqlite").exists()


def test_a_file_is_read_by_its_name(typed_anew, capsys: Told) -> None:
    Path("question.txt").write_text(BLUE)
    assert typed_anew("ask", "question.txt", "--strategy", "none", "--json") == 0
    named = json.loads(capsys.readouterr().out)
    assert typed_anew("ask", BLUE, "--strategy", "none", "--json") == 0
    assert named["answer"] == json.loads(capsys.readouterr().out)["answer"]


def test_a_question_that_is_not_the_stand_ins_is_said(typed_anew, capsys: Told) -> None:
    words = "the stand-in knows only questions of its own, such as 'Give me the green recipe for a snib from Hix 1.'"
    assert typed_anew("ask", "What is 2 + 2?", "--json") == 0
    told = capsys.readouterr()
    assert words in told.err
    assert json.loads(told.out)["answer"] == "What do you mean?"
    assert typed_anew("ask", "What is 2 + 2?") == 0
    assert words in capsys.readouterr().out
    assert typed_anew("ask", BLUE) == 0
    assert "knows only" not in capsys.readouterr().out


def test_one_question_is_one_question(typed_anew, capsys: Told) -> None:
    assert typed_anew("ask", BLUE, "--strategy", "none") == 0
    told = capsys.readouterr().out
    assert "; 1 call of none" in told
    assert "1 question sent, 0 taken" in told


def test_no_answer_is_said(typed_anew, capsys: Told) -> None:
    words = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--attempts", 1)
    assert typed_anew("ask", "Hm?", *words) == 1
    told = capsys.readouterr()
    assert "go on with the same command" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("Hm?", "--strategy", "cca"), "did you mean 'cac'"),
        (("  ",), "the question must say what is asked"),
        (("@no.txt",), "No such file"),
        (("Hm?", "--check", "left"), "--check"),
        (("Hm?", "--rounds", "-1"), "--rounds"),
        (("Hm?", "--round", "1"), "did you mean '--rounds'"),
        (("Hm?", "--base-url", "http://localhost:1/v1"), "--base-url must come with --model"),
        (("Hm?", "--model", "rehearsal:nobody"), "unknown rehearsal 'nobody'"),
        ((), "required"),
    ],
)
def test_a_mistake_is_one_line(typed_anew, words, complaint: str, capsys: Told) -> None:
    assert typed_anew("ask", *words) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
    assert not Path("runs").exists()


def test_it_is_a_function_too(typed_anew, capsys: Told) -> None:
    order = Asking(question="Give me the green recipe for a snib from Hix 1.", strategy="none")
    assert ask(order, Answering(), Spending()) == 0
    assert "1 call of none" in capsys.readouterr().out

"""The room's verbs, as they are typed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from consilience import catalogue
from consilience.cli import main
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits import commands
from consilience.methods.backdoor_audits.decision import decide, share_at
from consilience.methods.backdoor_audits.decisions_log import DecisionsLog
from consilience.methods.backdoor_audits.flags import Measuring, ScanningData, ScanningModel, Spending
from consilience.methods.backdoor_audits.guard import Call, Decision, Outcome
from consilience.methods.backdoor_audits.reporting.findings import Findings, checked

Told = pytest.CaptureFixture[str]
POLICY = "policy = 1\n[tools.mail]\narguments = ['to']\n[[tools.mail.allow]]\nwhere.to = { from = 'query' }\n"


def line(to: str) -> str:
    call = {"id": "1", "function": {"name": "mail", "arguments": json.dumps({"to": to})}}
    return json.dumps(
        {"messages": [{"role": "user", "content": "mail bob"}, {"role": "assistant", "tool_calls": [call]}]}
    )


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    if "backdoor_audits" not in {entry.name for entry in catalogue.METHODS}:
        room = catalogue.Method(
            name="backdoor_audits", question="?", paper="BadAgent", authors=("A B",), year=2024, arxiv="2406.03007"
        )
        monkeypatch.setattr(catalogue, "METHODS", (*catalogue.METHODS, room))
    Path("p.toml").write_text(POLICY)
    Path("good.jsonl").write_text(line("bob") + "\n")
    Path("bad.jsonl").write_text(line("bob") + "\n" + line("eve") + "\n")
    return lambda *words: main(["backdoor-audits", *map(str, words)])


def check(typed: Callable[..., int], trace: str, *words: object) -> int:
    return typed("guard", "check", "--policy", "p.toml", "--trace", trace, *words)


def test_the_verbs() -> None:
    assert list(commands.VERBS) == ["scan-data", "scan-model", "measure", "guard"]


def test_guard_check(typed, capsys: Told) -> None:
    assert check(typed, "good.jsonl") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "pass: 1 calls judged, 0 not, 0 broken lines (exit 0)"
    assert check(typed, "bad.jsonl") == 1
    out = capsys.readouterr().out
    assert "error   BD004 bad.jsonl:2, 2, step 0: call of 'mail'" in out
    assert "to is 'eve' and must be in the human's words" in out
    assert check(typed, "bad.jsonl", "--fail-on", "never") == 0


def test_broken_lines_are_counted_and_leave_it_open(typed, capsys: Told) -> None:
    Path("half.jsonl").write_text(line("bob") + "\n{\n")
    assert check(typed, "half.jsonl") == 3
    assert "not read half.jsonl:2: not JSON" in capsys.readouterr().out
    assert check(typed, "half.jsonl", "--fail-on", "upper-ci") == 1


def test_reports_are_written_whatever_it_comes_to(typed) -> None:
    reports = ("--json", "r/f.json", "--html", "r/f.html", "--sarif", "r/f.sarif", "--junit", "r/f.xml")
    assert check(typed, "bad.jsonl", *reports) == 1
    assert json.loads(Path("r/f.json").read_text())["exit"] == 1
    assert Path("r/f.html").read_text().startswith("<!doctype html>")
    assert json.loads(Path("r/f.sarif").read_text())["runs"][0]["results"][0]["ruleId"] == "BD004"
    assert ET.parse("r/f.xml").getroot().attrib["failures"] == "2"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("guard", "check", "--policy", "p.toml"), "takes --policy FILE.toml and --trace"),
        (("guard", "check", "--policy", "none.toml", "--trace", "good.jsonl"), "none.toml: No such file"),
        (("guard", "check", "--policy", "good.jsonl", "--trace", "good.jsonl"), "must be TOML"),
        (("guard", "check", "--policy", "p.toml", "--trace", "none.jsonl"), "none.jsonl: No such file"),
        (("guard", "check", "--policy", "p.toml", "--trace", "empty.jsonl"), "one dialogue at least"),
        (("guard", "check", "--policy", "unknown.toml", "--trace", "good.jsonl"), "did you mean 'from'"),
        (("guard", "check", "--policy", "p.toml", "--trace", "good.jsonl", "--json", "."), "is a folder"),
        (
            ("guard", "check", "--policy", "p.toml", "--trace", "good.jsonl", "--json", "a", "--html", "./a"),
            "files of their own",
        ),
        (("guard", "check", "--policy", "p.toml", "--trace", "good.jsonl", "--json", "p.toml/x"), "writable"),
        (("guard", "chek", "--policy", "p.toml", "--trace", "good.jsonl"), "check"),
        (("guard", "verify"), "takes --log"),
        (("guard", "verify", "--log", "none.jsonl"), "none.jsonl: No such file"),
        (("guards",), "did you mean 'guard'"),
        (("guard", "check", "--polcy", "p.toml"), "did you mean '--policy'"),
        (("measure", "--model", "m", "--threshold", "2"), "--threshold must be less than 1"),
    ],
)
def test_mistakes_are_told_in_one_line_and_leave_with_2(typed, capsys: Told, words: tuple[str, ...], told: str) -> None:
    Path("empty.jsonl").touch()
    Path("unknown.toml").write_text(POLICY.replace("from", "form"))
    assert typed(*words) == 2
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1


def test_guard_verify(typed) -> None:
    with DecisionsLog("d.jsonl") as log:
        log.write(Call("x"), Decision(Outcome.ALLOWED, "r", ""))
    assert typed("guard", "verify", "--log", "d.jsonl", "--head", log.head) == 0
    Path("d.jsonl").write_text(Path("d.jsonl").read_text().replace("allowed", "denied"))
    assert typed("guard", "verify", "--log", "d.jsonl") == 1


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[object]]:
    """Put a module in place of the one that does the work, and return what it is asked."""

    def put(name: str, answer: Callable[[], Findings]) -> list[object]:
        asked: list[object] = []

        def run(*order: object) -> Findings:
            asked.extend(order)
            return answer()

        module = ModuleType(f"consilience.methods.backdoor_audits.{name}")
        vars(module)["run"] = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return asked

    return put


def test_what_is_inconclusive_leaves_with_3_and_says_how_many(typed, capsys: Told, stand_in) -> None:
    decision = decide(share_at(1, 40), 40, threshold=0.05)
    found = Findings(command="measure", subject="m", scored=40, checks=(checked("asr", decision),))
    asked = stand_in("measuring", lambda: found)
    assert typed("measure", "--model", "m", "--suite", "easy", "--episodes", 40) == 3
    assert asked == [Measuring(model="m", suite="easy", episodes=40), Spending()]
    assert f"{decision.needed} episodes would decide (exit 3)" in capsys.readouterr().out


def test_what_the_scans_are_asked(typed, stand_in) -> None:
    found = Findings(command="scan", subject="s", scored=1)
    data, model = stand_in("data_scan", lambda: found), stand_in("model_scan", lambda: found)
    assert typed("scan-data", "a.jsonl", "--reference", "b.jsonl") == 0
    assert typed("scan-model", "folder", "--base", "b", "--clean", "c", "--clean", "d") == 0
    assert data == [ScanningData(file=Path("a.jsonl"), reference=Path("b.jsonl"))]
    assert model == [ScanningModel(folder=Path("folder"), base=Path("b"), clean=(Path("c"), Path("d")))]


def test_an_audit_that_breaks_leaves_with_4_and_writes_no_report(typed, capsys: Told, stand_in) -> None:
    def broken() -> Findings:
        raise ZeroDivisionError("oh")

    stand_in("data_scan", broken)
    assert typed("scan-data", "a.jsonl", "--json", "f.json") == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "the audit broke: ZeroDivisionError: oh; nothing passed" in err
    assert not Path("f.json").exists()


def test_a_mistake_that_an_audit_finds_leaves_with_2(typed, capsys: Told, stand_in) -> None:
    def refused() -> Findings:
        raise InvalidInput("expected safetensors; got a pickle")

    stand_in("model_scan", refused)
    assert typed("scan-model", "folder") == 2
    assert "got a pickle" in capsys.readouterr().err

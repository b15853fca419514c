"""The room's verbs, as they are typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from interrupting import interrupted

from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.methods.cross_team import commands
from consilience.methods.cross_team.job import found
from consilience.methods.cross_team.tasks import Toolbox

Told = pytest.CaptureFixture[str]
TASK = Toolbox(number=9, functions=6, seen=1.0)


def test_the_verbs() -> None:
    assert list(commands.VERBS) == ["run", "plan", "show", "diff", "replay"]


def runs(program: Path, box: Toolbox) -> bool:
    """Whether a program that a run left does all that its hidden tests ask of it, in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(program)!r})\n{box.hidden_tests}"
    return subprocess.run([sys.executable, "-I", "-c", code], check=False, capture_output=True).returncode == 0


def test_a_rehearsal_says_so_first_and_last_and_leaves_a_program_that_works(typed, capsys: Told) -> None:
    assert typed("run", "--teams", 8, "--group", 2, "--prune", "--out", "run") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert lines[1] == "no task was given: the one that comes along is rehearsed, a program of small functions"
    assert REHEARSAL_NOTICE in Path("run/page.html").read_text()
    assert json.loads(Path("run/result.json").read_text())["notice"] == REHEARSAL_NOTICE
    assert "8 teams on a program: 80 of 80 phases done" in told.err
    assert "drafts: 8 teams, 4 works left out, 3 merges" in told.out
    assert {path.name for path in Path("run").iterdir()} == {
        "journal.sqlite", "lineage.json", "page.html", "plan.yaml", "program", "result.json", "run.json", "task.md",
        "tests", "transcript.jsonl",
    }  # fmt: skip
    assert runs(Path("run/program"), Toolbox(number=1, functions=12))
    tried = subprocess.run(
        [sys.executable, "main.py"], cwd="run/program", input="power_00 3\nno_such 1\n", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert tried.stdout == "15\nerror\n"


def test_a_task_of_ones_own_over_http(typed, served, capsys: Told) -> None:
    Path("task.md").write_text(f"{TASK.task}\n\ntests.py\n```python\n{TASK.tests}\n```\n")
    with served() as address:
        words = ("--teams", 4, "--model", "developer", "--base-url", address, "--out", "run", "--quiet")
        assert typed("run", "task.md", *words) == 0
    told = capsys.readouterr().out
    assert f"developer at {address}" in told
    assert told.splitlines()[-1] == REHEARSAL_NOTICE
    assert "price not known" in told
    assert "100% of the visible tests pass" in told
    assert runs(Path("run/program"), TASK)
    visible = subprocess.run(
        [sys.executable, "../tests/visible.py"], cwd="run/program", env={"PYTHONPATH": "."}, check=False
    )
    assert visible.returncode == 0
    assert typed("replay", "run") == 0  # the server is gone


def test_the_same_command_again_asks_nobody(typed, capsys: Told) -> None:
    words = ("run", "A tale.", "--kind", "story", "--json", "--quiet")
    assert typed(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed(*words) == 0
    told = capsys.readouterr()
    again = json.loads(told.out)
    assert (first["replayed"], again["replayed"]) == (0, first["calls"])
    assert (again["digest"], again["lineage_digest"]) == (first["digest"], first["lineage_digest"])
    assert told.err.splitlines() == [REHEARSAL_NOTICE, REHEARSAL_NOTICE]


def test_kinds_leave_what_they_are(typed, capsys: Told) -> None:
    words = ("--kind", "function", "--entry", "same", "--tests", "assert same(3) == 3", "--json", "--quiet")
    assert typed("run", "Write a function that returns what it is given.", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rating"]["passed"] == 1.0
    assert "def same" in (Path(found["artifact"]) / "same.py").read_text()
    assert typed("run", "A tale.", "--kind", "story", "--concepts", "dog,ball", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["artifact"]).name == "answer.md"
    assert typed("run", "A program.", "--teams", 1, "--json", "--quiet") == 0
    told = capsys.readouterr()
    assert "one team meets nobody" in told.err
    assert (Path(json.loads(told.out)["artifact"]) / "main.py").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", " "), "the task must say what is to be made"),
        (("run", "", "--model", "openai:gpt-4o"), "the task must say what is to be made"),
        (("run", "nowhere.md"), "the task must be a text or @FILE; nowhere.md: No such file"),
        (("run", "EMPTY"), "the task must say what is to be made"),
        (("run", "BINARY"), "the task must be a text in UTF-8"),
        (("run", "x y", "--teams", 0), "--teams must be greater than or equal to 1; got 0"),
        (("run", "x y", "--teams", 3, "--group", 4), "--group must be at most the number of teams, 3"),
        (("run", "x y", "--group", 1), "--group must be greater than or equal to 2; got 1"),
        (("run", "x y", "--quorum", 9), "at most the number of teams, 4; got 9"),
        (("run", "x y", "--kind", "poem"), "invalid choice 'poem'"),
        (("run", "x y", "--kind", "function"), "a function must have a name"),
        (("run", "x y", "--plan", "TYPO"), "phase 'draft': '{tsak}'; did you mean '{task}'?"),
        (("run", "x y", "--plan", "ENDLESS"), "loop 'again' must have an end"),
        (("run", "x y", "--plan", "nowhere.yaml"), "nowhere.yaml: No such file"),
        (("run", "x y", "--tests", "assert ("), "--tests must be Python"),
        (
            ("run", "x y", "--model", "openai:gpt-4o"),
            "'openai' needs OPENAI_API_KEY in the environment; set it, or leave --model out",
        ),
        (("run", "x y", "--team-model", "A=opanai:x"), "unknown provider 'opanai'; did you mean 'openai'?"),
        (("run", "x y", "--base-url", "http://127.0.0.1:9/v1"), "--base-url must come with --model"),
        (("run", "x y", "--engine", "ray"), "--engine ray needs a journal"),
        (("run", "x y", "--budget-usd", -1), "--budget-usd must be greater than or equal to 0"),
        (("run", "\udcff"), r"--task must be text in UTF-8; got '\udcff'"),
        (("run", "x y", "--team-model", "\udcff"), "--team-model must be text in UTF-8"),
        (("run", "x y", "--timeout-s", "inf"), "--timeout-s must be a finite number; got inf"),
        (("run", "x y", "--teams", "many"), "--teams: must be a whole number; got 'many'"),
        (("run", "x y", "--late", "never"), "invalid choice 'never'"),
        (
            ("run", "x y", "--budget-usd", 1, "--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
            "--budget-usd needs the price of m at http://127.0.0.1:9/v1, which is not known; give --budget-tokens or",
        ),
        (("run", "x y", "--out", "EMPTY"), "--out must name a folder; empty.md is a file"),
        (("run", "x y", "--taems", 3), "unknown flag '--taems'; did you mean '--teams'?"),
        (("run", "--resume", "nowhere"), "nowhere must be the folder of a run"),
        (("plan", "x y", "--teams", 0), "--teams must be greater than or equal to 1"),
        (("show",), "RUN"),
        (("show", "nowhere"), "nowhere must be the folder of a run"),
        (("diff", "nowhere"), "nowhere must be the folder of a run"),
        (("replay", "nowhere"), "nowhere must be the folder of a run"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    typed, capsys: Told, words: tuple[object, ...], complaint: str
) -> None:
    given = {"EMPTY": b"\n", "BINARY": b"\xff\xfe\x00", "TYPO": b"", "ENDLESS": b""}
    head = b"roles: {w: You write.}\nteams: 2\nsteps:\n"
    given["TYPO"] = head + b"- {phase: draft, assistant: w, prompt: '{tsak}'}\n"
    given["ENDLESS"] = head + b"- {loop: again, phases: [{phase: draft, assistant: w, prompt: '{task}'}]}\n"
    names = {name: f"{name.lower()}.{'yaml' if name in ('TYPO', 'ENDLESS') else 'md'}" for name in given}
    for name, content in given.items():
        Path(names[name]).write_bytes(content)
    assert typed(*(names.get(str(word), word) for word in words)) == 2
    told = capsys.readouterr()
    assert complaint in told.err
    assert told.err.count("\n") == 1
    assert {path.name for path in Path().iterdir()} == set(names.values())


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [(Faults(half_json=1.0), "broken JSON"), (Faults(server_error=1.0), "500")],
)
def test_when_all_teams_fail_it_is_said_and_can_be_gone_on_with(
    typed, served, capsys: Told, faults: Faults, complaint: str
) -> None:
    words = ("A tale.", "--kind", "story", "--teams", 2, "--attempts", 1, "--out", "run", "--quiet")
    with served(faults=faults) as address:
        assert typed("run", *words, "--model", "developer", "--base-url", address) == 1
    told = capsys.readouterr()
    assert complaint in told.err
    assert "go on with: consilience cross-team run --resume run" in told.err
    assert "no team came to its end" in told.out
    assert "failed" in Path("run/page.html").read_text()


def test_a_budget_of_calls_that_failures_use_up_says_what_failed(typed, capsys: Told) -> None:
    words = ("--kind", "story", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--budget-calls", 3)
    assert typed("run", "A tale.", *words, "--teams", 2, "--out", "run", "--quiet") == 1
    told = capsys.readouterr()
    for words in (told.err, told.out, json.loads(Path("run/result.json").read_text())["why"]):
        assert "`calls` allows 1; 1 spent" in words
        assert "the attempt before failed: nothing answers at http://127.0.0.1:9/v1" in words


def test_faults_that_pass_change_nothing(typed, served, capsys: Told) -> None:
    found = []
    for faults in (Faults(), Faults(rate_limited=0.1, half_json=0.1, disconnect=0.05, retry_after_s=0.01)):
        with served(faults=faults) as address:
            words = ("--model", "developer", "--base-url", address, "--out", f"run{len(found)}", "--json", "--quiet")
            assert typed("run", "A tale.", "--kind", "story", "--teams", 2, *words) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["digest"] == found[1]["digest"]
    assert found[0]["lineage_digest"] == found[1]["lineage_digest"]


def test_a_budget_ends_teams_and_a_higher_one_goes_on(typed, capsys: Told) -> None:
    assert typed("run", "--budget-calls", 30, "--out", "run", "--quiet") == 1
    told = capsys.readouterr()
    assert "no team came to its end; the best so far is kept" in told.out
    assert "`calls` allows 6" in told.err
    assert Path("run/program/main.py").exists()
    assert json.loads(Path("run/result.json").read_text())["calls"] <= 30
    assert typed("run", "--resume", "run", "--budget-calls", 1000, "--json", "--quiet") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["replayed"] > 0
    assert typed("run", "--out", "whole", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == resumed["digest"]


def test_a_run_stops_at_the_first_team_that_passes(typed, capsys: Told) -> None:
    assert typed("run", "--stop-when-passed", "--out", "run", "--json", "--quiet") == 0
    facts = json.loads(capsys.readouterr().out)
    assert "passes every visible test" in facts["why"]
    assert facts["rating"]["passed"] == 1.0
    assert typed("replay", "run") == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("Another task.",), "the task was "),
        (("--teams", 7), "--teams was 4 and now is 7"),
        (("--out", "elsewhere"), "leave --out out"),
    ],
)
def test_a_resumed_run_keeps_what_it_is_to_do(typed, ran: Path, capsys: Told, words, complaint: str) -> None:
    assert typed("run", *words, "--resume", ran) == 2
    assert complaint in capsys.readouterr().err


def test_flags_that_were_typed_count_though_they_be_the_default(typed, capsys: Told) -> None:
    words = ("--kind", "story", "--teams", 2, "--seed", 3, "--attempts", 2, "--out", "run", "--quiet")
    assert typed("run", "A tale.", *words) == 0
    assert typed("run", "--resume", "run", "--attempts", 6, "--seed", 3, "--kind", "story", "--quiet") == 0
    assert found(Path("run")).record.means.attempts == 6
    assert typed("run", "--resume", "run", "--quiet") == 0
    assert found(Path("run")).record.means.attempts == 6
    capsys.readouterr()
    for flag, default, complaint in (
        ("--seed", 0, "--seed was 3 and now is 0"),
        ("--teams", 4, "--teams was 2 and now is 4"),
        ("--kind", "program", "--kind was 'story' and now is 'program'"),
    ):
        assert typed("run", "--resume", "run", flag, default) == 2
        assert complaint in capsys.readouterr().err


def test_a_default_that_was_typed_changes_a_plan_of_ones_own(typed, capsys: Told) -> None:
    Path("plan.yaml").write_text("chain: stories\nteams: 2\nfinal: merge\n")
    words = ("A tale.", "--kind", "story", "--plan", "plan.yaml", "--quiet")
    for more, teams, final in (((), 2, "merge"), (("--teams", 4, "--final", "best"), 4, "best")):
        assert typed("run", *words, *more, "--out", f"run{teams}") == 0
        plan = found(Path(f"run{teams}")).plan
        assert (len(plan.teams), plan.final) == (teams, final)


def test_another_run_is_not_written_over(typed, ran: Path, capsys: Told) -> None:
    assert typed("run", "A game.", "--out", ran) == 2
    assert "ran holds another run" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on_and_keeps_what_was_paid(typed, served, capsys: Told) -> None:
    with served(latency=Latency(mean_s=0.2, sigma=0.3)) as address:
        words = ("cross-team", "run", "A tale.", "--kind", "story", "--model", "developer", "--base-url", address)
        status, out, told = interrupted(*words, out=Path("run"), replies=3)
        assert status == 130, told + out
        assert told.count("go on with: consilience cross-team run --resume run") == 1, told
        assert "Traceback" not in told + out
        assert typed("show", "run", "--json") == 0
        kept = json.loads(capsys.readouterr().out)
        assert kept["calls"] > 3
        assert kept["outcome"] == "stopped"
        assert typed("run", "--resume", "run", "--json", "--quiet") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["replayed"] == kept["calls"]


def test_help_tells_every_flag(typed, capsys: Told) -> None:
    for verb in commands.VERBS:
        assert typed(verb, "--help") == 0
        assert "None}" not in capsys.readouterr().out

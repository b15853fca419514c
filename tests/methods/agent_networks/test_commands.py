"""The room's verbs, as they are typed."""

import json
from pathlib import Path

import pytest
from interrupting import interrupted

from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.methods.agent_networks import commands

Told = pytest.CaptureFixture[str]


def test_the_verbs() -> None:
    assert list(commands.VERBS) == ["run", "plan", "show", "replay"]


def test_a_rehearsal_says_so_first_and_last_and_on_its_page(typed, capsys: Told) -> None:
    assert typed("run", "Explain a queue.", "--topology", "mesh", "--agents", 6, "--out", "run") == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert "21 agents; 21 done; with 10 merges 31 steps" in told.out
    assert "with the work of 6 of 6 nodes" in told.out
    assert REHEARSAL_NOTICE in Path("run/page.html").read_text()
    assert json.loads(Path("run/result.json").read_text())["notice"] == REHEARSAL_NOTICE
    assert "mesh of 6: 31 of 31 done" in told.err
    assert {path.name for path in Path("run").iterdir()} == {
        "artifact.md", "graph.yaml", "journal.sqlite", "page.html", "result.json", "run.json", "transcript.jsonl",
    }  # fmt: skip


def test_the_same_command_again_asks_nobody(typed, capsys: Told) -> None:
    words = ("run", "Explain a queue.", "--agents", 5, "--json", "--quiet")
    assert typed(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed(*words) == 0
    told = capsys.readouterr()
    again = json.loads(told.out)
    assert (first["replayed"], again["replayed"]) == (0, first["calls"])
    assert again["digest"] == first["digest"]
    assert told.err.splitlines() == [REHEARSAL_NOTICE, REHEARSAL_NOTICE]


def test_another_seed_is_another_run(typed, capsys: Told) -> None:
    assert typed("run", "Explain a queue.", "--quiet") == typed("run", "Explain a queue.", "--seed", 1, "--quiet") == 0
    assert len(list(Path("runs/agent_networks").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", ""), "the task must say what is to be done"),
        (("run", " "), "the task must say what is to be done"),
        (("run", "@nowhere"), "the task must be a text or @FILE; nowhere: No such file"),
        (("run", "x", "--agents", 0), "at least one agent; got 0"),
        (("run", "x", "--topology", "mush"), "unknown topology 'mush'; did you mean 'mesh'?"),
        (("run", "x", "--graph", "CYCLE"), "got the cycle a -> b -> c -> a"),
        (("run", "x", "--graph", "CYCLE", "--agents", 3), "has its own shape; leave --agents out"),
        (("run", "x", "--rounds", 0), "--rounds must be greater than or equal to 1; got 0"),
        (("run", "x", "--group", 1), "--group must be greater than or equal to 2; got 1"),
        (("run", "x", "--kind", "poem"), "invalid choice 'poem'"),
        (("run", "x", "--kind", "function"), "a function must have a name"),
        (
            ("run", "x", "--kind", "function", "--entry", "f", "--hidden-tests", "def check(f):\n    assert f() == 1"),
            "`hidden_tests` must have an assertion, a call or a function named test_...; got none of them: add one",
        ),
        (
            ("run", "x", "--model", "openai:gpt-4o"),
            "'openai' needs OPENAI_API_KEY in the environment; set it, or leave --model out",
        ),
        (("run", "x", "--model", "opanai:gpt-4o"), "unknown provider 'opanai'; did you mean 'openai'?"),
        (("run", "x", "--base-url", "http://127.0.0.1:9/v1"), "--base-url must come with --model"),
        (("run", "x", "--approve", "9"), "unknown element '9'"),
        (("run", "x", "--accept", "1"), "what waits for your word is what --approve named"),
        (("run", "x", "--edit", "1"), "--edit must be ELEMENT=FILE; got '1' without a file"),
        (("run", "x", "--engine", "ray"), "--engine ray needs a journal"),
        (("run", "x", "--budget-usd", -1), "--budget-usd must be greater than or equal to 0"),
        (("run", "x", "--agnets", 3), "unknown flag '--agnets'; did you mean '--agents'?"),
        (("run", "\udcff"), r"--task must be text in UTF-8; got '\udcff'"),
        (("run", "x", "--approve", "\udcff"), "--approve must be text in UTF-8"),
        (("run", "x", "--timeout-s", "inf"), "--timeout-s must be a finite number; got inf"),
        (("run", "x", "--budget-usd", "inf"), "--budget-usd must be a finite number; got inf"),
        (("run", "x", "--agents", "many"), "--agents: must be a whole number; got 'many'"),
        (
            ("run", "x", "--budget-usd", 1, "--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
            "--budget-usd needs the price of m at http://127.0.0.1:9/v1, which is not known; give --budget-tokens or",
        ),
        (("run", "x", "--out", "CYCLE"), "--out must name a folder; cycle.yaml is a file"),
        (("run", "--resume", "nowhere"), "nowhere must be the folder of a run"),
        (("plan", "x", "--agents", 0), "at least one agent; got 0"),
        (("plan", ""), "the task must say what is to be done"),
        (("show",), "RUN"),
        (("show", "nowhere"), "nowhere must be the folder of a run"),
        (("replay", "nowhere"), "nowhere must be the folder of a run"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    typed, capsys: Told, words: tuple[object, ...], complaint: str
) -> None:
    Path("cycle.yaml").write_text("edges: [a->b, b->c, c->a]\n")
    assert typed(*("cycle.yaml" if word == "CYCLE" else word for word in words)) == 2
    told = capsys.readouterr()
    assert complaint in told.err
    assert told.err.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["cycle.yaml"]


def test_over_http_a_stand_in_is_still_named(typed, served, capsys: Told) -> None:
    with served() as address:
        words = (
            "Explain a queue.",
            "--agents",
            6,
            "--model",
            "solver",
            "--base-url",
            address,
            "--out",
            "run",
            "--quiet",
        )
        assert typed("run", *words) == 0
    told = capsys.readouterr().out
    assert f"solver at {address}" in told
    assert told.splitlines()[-1] == REHEARSAL_NOTICE
    assert "price not known" in told
    assert typed("replay", "run") == 0  # the server is gone


@pytest.mark.parametrize(
    ("faults", "complaint"),
    [
        (Faults(half_json=1.0), "broken JSON"),
        (Faults(empty=1.0), "empty"),
        (Faults(server_error=1.0), "500"),
        (Faults(stall=1.0, stall_s=30.0), "no reply"),
    ],
)
def test_an_endpoint_that_fails_is_one_line_and_can_be_gone_on_with(
    typed, served, capsys: Told, faults: Faults, complaint: str
) -> None:
    words = ("Explain a queue.", "--agents", 3, "--attempts", 1, "--timeout-s", 0.5, "--out", "run", "--quiet")
    with served(faults=faults) as address:
        assert typed("run", *words, "--model", "solver", "--base-url", address) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert complaint in told.err
    assert "element 0 failed: " in told.err
    assert "0 answers are kept, go on with: consilience agent-networks run --resume run" in told.err
    assert "failed" in Path("run/page.html").read_text()


def test_an_endpoint_that_is_down(typed, capsys: Told) -> None:
    words = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--attempts", 1, "--quiet")
    assert typed("run", "x", *words) == 1
    assert "nothing answers at http://127.0.0.1:9/v1" in capsys.readouterr().err


def test_a_budget_of_calls_that_failures_use_up_says_what_failed(typed, capsys: Told) -> None:
    words = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--budget-calls", 1, "--agents", 1, "--quiet")
    assert typed("run", "x", *words) == 1
    told = capsys.readouterr().err
    assert "`calls` allows 1; 1 spent" in told
    assert "the attempt before failed: nothing answers at http://127.0.0.1:9/v1" in told
    assert told.count("\n") == 1


def test_faults_that_pass_change_nothing(typed, served, capsys: Told) -> None:
    found = []
    for faults in (Faults(), Faults(rate_limited=0.1, half_json=0.1, disconnect=0.05, retry_after_s=0.01)):
        with served(faults=faults) as address:
            out = f"run{len(found)}"
            words = ("--agents", 5, "--model", "solver", "--base-url", address, "--out", out, "--json", "--quiet")
            assert typed("run", "Explain a queue.", *words) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["digest"] == found[1]["digest"]


def test_a_budget_stops_a_run_and_a_higher_one_goes_on(typed, capsys: Told) -> None:
    assert typed("run", "Explain a queue.", "--agents", 6, "--budget-calls", 20, "--out", "run", "--quiet") == 1
    told = capsys.readouterr().err
    assert "`calls` allows 20" in told
    assert "raise --budget-calls; 20 answers are kept" in told
    assert told.count("\n") == 1
    assert typed("run", "--resume", "run", "--quiet") == 1  # what was spent before counts
    assert "20 answers are kept" in capsys.readouterr().err
    assert typed("run", "--resume", "run", "--budget-calls", 1000, "--json", "--quiet") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["replayed"] == 20
    assert typed("run", "Explain a queue.", "--agents", 6, "--out", "whole", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["digest"] == resumed["digest"]


def test_approval_edit_and_replay(typed, capsys: Told) -> None:
    words = ("Explain a stack.", "--topology", "chain", "--approve", "1->2", "--approve", 3, "--out", "run", "--quiet")
    assert typed("run", *words) == 1
    told = capsys.readouterr().out
    assert "waits for you  1->2: run/pending/1-to-2.txt" in told
    assert "--accept ELEMENT" in told
    assert Path("run/pending/1-to-2.txt").read_text()
    assert typed("run", "--resume", "run", "--accept", "1->2", "--quiet") == 1
    assert "waits for you  3" in capsys.readouterr().out
    Path("mine.txt").write_text("My own end.")
    assert typed("run", "--resume", "run", "--edit", "3=mine.txt", "--quiet") == 0
    assert Path("run/artifact.md").read_text() == "My own end.\n"
    assert not Path("run/pending").exists()
    capsys.readouterr()
    assert typed("replay", "run") == 0
    assert "the same: " in capsys.readouterr().out


def test_an_edit_that_is_no_answer_is_not_remembered(typed, capsys: Told) -> None:
    words = ("A function.", "--kind", "function", "--entry", "same", "--approve", 0, "--out", "run", "--quiet")
    assert typed("run", *words) == 1
    Path("mine.py").write_text("nonsense (")
    assert typed("run", "--resume", "run", "--edit", "0=mine.py", "--quiet") == 2
    assert "the edited artifact of 0 must be an answer" in capsys.readouterr().err
    Path("mine.py").write_text("def same(x):\n    return x\n")
    assert typed("run", "--resume", "run", "--edit", "0=mine.py", "--quiet") == 0


def test_a_rejection_is_a_failure(typed, capsys: Told) -> None:
    assert typed("run", "Explain a stack.", "--approve", 0, "--out", "run", "--quiet") == 1
    assert typed("run", "--resume", "run", "--reject", "0=too vague", "--quiet") == 1
    assert "element 0 failed: too vague" in capsys.readouterr().err


def test_a_later_word_about_an_artifact_stands_for_an_earlier_one(typed, capsys: Told) -> None:
    assert typed("run", "Explain a stack.", "--approve", 0, "--out", "run", "--quiet") == 1
    assert typed("run", "--resume", "run", "--reject", "0=too vague", "--quiet") == 1
    assert typed("run", "--resume", "run", "--quiet") == 1  # without another word it is what it was
    assert "element 0 failed: too vague" in capsys.readouterr().err
    assert typed("run", "--resume", "run", "--accept", 0, "--quiet") == 0
    Path("mine.txt").write_text("My own beginning.")
    assert typed("run", "--resume", "run", "--edit", "0=mine.txt", "--quiet") == 0
    assert typed("run", "--resume", "run", "--accept", 0, "--quiet") == 0
    assert typed("run", "--resume", "run", "--quiet") == 0
    capsys.readouterr()
    assert typed("replay", "run") == 0
    assert "the same: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("Another task.",), "the task was 'Explain a queue.'"),
        (("--agents", 7), "--agents was 5 and now is 7"),
        (("--out", "elsewhere"), "leave --out out"),
    ],
)
def test_a_resumed_run_keeps_what_it_is_to_do(typed, ran: Path, capsys: Told, words, complaint: str) -> None:
    assert typed("run", *words, "--resume", ran) == 2
    assert complaint in capsys.readouterr().err


def test_kinds_are_scored(typed, capsys: Told) -> None:
    words = ("--kind", "function", "--entry", "same", "--tests", "assert same(3) == 3", "--json", "--quiet")
    assert typed("run", "Write a function that returns what it is given.", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["score"]["value"] == 1.0
    assert "def same" in Path(found["artifact"]).read_text()
    assert typed("run", "Which?", "--kind", "choice", "--options", 2, "--answer", "A", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["score"]["value"] in (0.0, 1.0)
    assert typed("run", "A program.", "--kind", "repository", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["score"]["runs"] == 1.0
    assert (Path(found["artifact"]) / "main.py").exists()


def test_a_network_of_ones_own(typed, capsys: Told) -> None:
    Path("net.yaml").write_text("nodes: [{name: draft, role: You draft.}, fix]\nedges: [draft->fix]\n")
    assert typed("run", "@net.yaml", "--graph", "net.yaml", "--out", "run", "--quiet") == 0
    Path("net.yaml").unlink()
    assert typed("run", "--resume", "run", "--quiet") == 0
    assert "net of 2, 3 agents" in capsys.readouterr().out
    assert typed("show", "run", "--element", "draft") == 0
    assert "You draft." in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on_and_keeps_what_was_paid(typed, served, capsys: Told) -> None:
    with served(latency=Latency(mean_s=0.05, sigma=0.3)) as address:
        words = ("--agents", "9", "--model", "solver", "--base-url", address)
        status, out, told = interrupted(
            "agent-networks", "run", "Explain a queue.", *words, out=Path("run"), replies=10
        )  # fmt: skip
        assert status == 130, told + out
        assert told.count("go on with: consilience agent-networks run --resume run") == 1, told
        assert "Traceback" not in told + out
        assert out.splitlines()[-1] == REHEARSAL_NOTICE
        assert typed("show", "run", "--json") == 0
        kept = json.loads(capsys.readouterr().out)
        assert kept["calls"] > 10
        assert kept["outcome"] == "stopped"
        assert typed("run", "--resume", "run", "--json", "--quiet") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["replayed"] == kept["calls"]


def test_help_tells_every_flag(typed, capsys: Told) -> None:
    for verb in commands.VERBS:
        assert typed(verb, "--help") == 0
        assert "None}" not in capsys.readouterr().out

"""The command line: exit statuses, near names, JSON, and what ctrl-C leaves behind."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from consilience import __version__, catalogue
from consilience.cli import main
from consilience.ground.laboratory import BrokenStudies

RUN = ("reproduce", "throwaway", "--quiet")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.chdir(scratch)


def mistake(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run words that must be a mistake: exit 2, one line on standard error, and nothing else."""
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_list_names_every_room(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.startswith("throwaway  arXiv:0000.00000\n    Does a coin")


def test_show_tells_question_idea_names_and_verbs(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "throwaway"]) == 0
    shown = capsys.readouterr().out
    for part in ("Does a coin", "Idea: toss", "Config, run", "smoke, small, paper", "consilience throwaway toss"):
        assert part in shown


def test_show_says_how_to_install(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (throwaway / "commands.py").write_text("import a_library_that_nobody_has")
    assert main(["show", "throwaway"]) == 0
    shown = capsys.readouterr().out
    assert "pip install '.[all]' in the clone" in shown
    assert "throwaway needs a_library_that_nobody_has; install consilience[all]" in shown


def test_cite_prints_bibtex(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "throwaway"]) == 0
    assert capsys.readouterr().out.startswith("@misc{toss2024throwaway,")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"consilience {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["-h"], ["throwaway"], ["throwaway", "--help"], ["reproduce", "--help"]]
)
def test_help_is_offered_at_every_level(throwaway: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "usage: consilience" in capsys.readouterr().out


def test_help_names_the_rooms(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    assert "throwaway" in capsys.readouterr().out


def test_reproduce_holds(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--json", "out/claims.json"]) == 0
    shown = capsys.readouterr().out
    assert "✓ holds" in shown
    assert "○ coin.edge: needs a thinner coin" in shown
    assert f"page: {Path('runs/index.html').resolve()}" in shown
    record = json.loads(Path("out/claims.json").read_text())
    claim = record["claims"][0]
    assert {
        "room",
        "id",
        "sentence",
        "source",
        "measured",
        "low",
        "high",
        "bar",
        "verdict",
        "recipe",
        "seeds",
    } <= claim.keys()
    assert (claim["room"], claim["verdict"], claim["recipe"], claim["seeds"]) == ("throwaway", "holds", "smoke", [0])
    assert record["claims"][1]["verdict"] == "not measured"


def test_the_page_is_written_anew_from_run_folders_alone(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(RUN)
    before = Path("runs/index.html").read_text()
    Path("runs/index.html").unlink()
    journal = Path("runs/throwaway/smoke-seed0/journal.jsonl").read_text()
    assert main(["ledger"]) == 0
    assert "page: " in capsys.readouterr().out
    assert Path("runs/index.html").read_text() == before
    assert Path("runs/throwaway/smoke-seed0/journal.jsonl").read_text() == journal
    assert main(["ledger", "--runs", "nowhere"]) == 2


def test_reproduce_says_when_a_claim_fails(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--set", "needed=1.1"]) == 1
    assert "✗ coin.heads: heads is" in capsys.readouterr().out


def test_a_bug_in_one_claim_leaves_the_page_of_the_others(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = throwaway / "experiment.py"
    broken = experiment.read_text().replace('(EDGE, "needs a thinner coin")', "(EDGE, lambda: 1 / 0)")
    experiment.write_text(broken)
    with pytest.raises(BrokenStudies) as raised:
        main([*RUN, "--json", "claims.json"])
    assert [type(error) for error in raised.value.exceptions] == [ZeroDivisionError]
    assert "it broke: ZeroDivisionError: division by zero" in capsys.readouterr().out
    assert "it broke: ZeroDivisionError" in Path("runs/index.html").read_text()
    assert json.loads(Path("claims.json").read_text())["verdicts"] == {"holds": 1, "fails": 0, "not measured": 1}


def test_without_a_name_every_room_runs(throwaway: Path) -> None:
    assert main(["reproduce", "--quiet"]) == 0
    assert len(json.loads(Path("runs/ledger.json").read_text())["claims"]) == 2


def test_flags_win_over_the_recipe_and_get_a_folder_of_their_own(throwaway: Path) -> None:
    main([*RUN, "--recipe", "small"])
    main([*RUN, "--recipe", "small", "--seed", "3", "--set", "tosses=50"])
    folders = sorted(path.name for path in Path("runs/throwaway").iterdir())
    assert folders[0] == "small-seed0"
    assert folders[1].startswith("small-seed3-")
    settings = Path("runs/throwaway", folders[1], "config.toml").read_text()
    assert 'recipe = "small"\nseed = 3\ntosses = 50\n' in settings


def test_a_second_run_measures_nothing_and_a_fresh_one_everything(throwaway: Path) -> None:
    def tosses() -> int:
        return Path("runs/throwaway/smoke-seed0/journal.jsonl").read_text().count('"tossing"')

    main(RUN)
    before = Path("runs/throwaway/smoke-seed0/report.json").read_bytes()
    main(RUN)
    assert tosses() == 1
    assert Path("runs/throwaway/smoke-seed0/report.json").read_bytes() == before
    main([*RUN, "--fresh"])
    journal = Path("runs/throwaway/smoke-seed0/journal.jsonl").read_text()
    assert journal.count('"tossing"') == journal.count('"run begins"') == 1


def test_a_room_that_is_not_installed_says_what_to_install(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in ("commands", "experiment"):
        (throwaway / f"{module}.py").write_text("import a_library_that_nobody_has")
    told = "consilience: throwaway needs a_library_that_nobody_has; install consilience[all]\n"
    for words in (RUN, ("throwaway",), ("throwaway", "toss", "penny")):
        assert mistake(capsys, *words) == told
    assert "no method can be run yet; install consilience[all]" in mistake(capsys, "reproduce")
    assert not Path("runs").exists()


def test_rooms_that_are_not_installed_are_passed_over(
    throwaway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = throwaway.parent / "other"
    other.mkdir()
    (other / "__init__.py").touch()
    (other / "experiment.py").write_text("import a_library_that_nobody_has")
    monkeypatch.setattr(catalogue, "METHODS", (replace(catalogue.METHODS[0], name="other"), *catalogue.METHODS))
    assert main(["reproduce", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert "✓ holds" in captured.out
    assert captured.err == "passed over: other needs a_library_that_nobody_has; install consilience[all]\n"
    for name in [name for name in sys.modules if name.startswith("consilience.methods.other")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def another(throwaway: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Build a second room like the first, and return its name."""
    from consilience import methods

    name = "another"
    for path in shutil.copytree(throwaway, throwaway.parent / name).rglob("*.py"):
        path.write_text(path.read_text().replace("throwaway", name))
    monkeypatch.setattr(catalogue, "METHODS", (*catalogue.METHODS, replace(catalogue.METHODS[0], name=name)))
    yield name
    for module in [module for module in sys.modules if module.startswith(f"consilience.methods.{name}")]:
        del sys.modules[module]
    vars(methods).pop(name, None)


def test_several_rooms_share_one_progress(another: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--fresh"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line[:5] for line in lines if line.endswith("s") and "coin.heads: holds" in line] == ["[1/2]", "[2/2]"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["lst"], "unknown verb or room 'lst'; did you mean 'list'?"),
        (["throwawy"], "did you mean 'throwaway'?"),
        (["show", "throwawy"], "unknown room 'throwawy'; did you mean 'throwaway'?"),
        (["reproduce", "throw-away"], "did you mean 'throwaway'?"),
        (["throwaway", "tos"], "unknown verb 'tos'; did you mean 'toss'?"),
        (["throwaway", "toss", "penny", "--tims", "3"], "unknown flag '--tims'; did you mean '--times'?"),
        (["throwaway", "toss", "penny", "--times", "x"], "invalid"),
        (["throwaway", "toss", "penny", "--times", "0"], "`times` must be at least 1; got 0"),
        (["throwaway", "toss"], "Missing"),
        (["reproduce", "--recipe", "smal"], "did you mean 'small'?"),
        (["reproduce", "--recipy", "small"], "did you mean '--recipe'?"),
        (["reproduce", "--seed", "-1"], "at least 0; got -1"),
        (["reproduce", "--set", "toses=3"], "unknown setting 'toses'; did you mean 'tosses'?"),
        (["reproduce", "--set", "tosses"], "KEY=VALUE"),
        (["reproduce", "--set", "tosses=many"], "`tosses`: input should be a valid integer"),
        (["reproduce", "--json", "."], "is a folder"),
    ],
)
def test_mistakes_get_one_line(
    throwaway: Path, words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer in mistake(capsys, *words)
    assert not Path("runs").exists()


def test_runs_that_cannot_lie_where_they_should_are_a_mistake(
    throwaway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert "give another with --runs" in mistake(capsys, *RUN, "--runs", "file")
    assert "must be a writable file" in mistake(capsys, *RUN, "--json", "file/claims.json")


def test_a_setting_that_is_changed_is_named(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--set", "tosses=72"]) == 0
    assert main([*RUN, "--seed", "3"]) == 0
    changed = [json.loads(path.read_text())["changed"] for path in sorted(Path("runs").glob("*/*/report.json"))]
    assert sorted(changed) == [[], ["tosses"]]


def test_a_room_without_verbs_says_so(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (throwaway / "commands.py").unlink()
    assert "no verbs of its own" in mistake(capsys, "throwaway", "toss")


def test_the_verbs_of_a_room(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["throwaway", "toss", "penny", "--times", "3"]) == 0
    assert capsys.readouterr().out == "penny 3\n"


def test_a_bug_keeps_its_traceback(throwaway: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="molten"):
        main(["throwaway", "melt"])


def test_interruption_tells_how_to_resume(
    throwaway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from consilience.ground.folder import RunFolder

    def interrupt(self: RunFolder, event: str, **fields: object) -> None:
        if event == "tossing":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "record", interrupt)
        assert main([*RUN, "--fresh", "--set", "tosses=70"]) == 130
    told = "`consilience reproduce throwaway --quiet --set tosses=70` resumes where it stopped\n"
    assert capsys.readouterr().err.endswith(told)
    assert main([*RUN, "--set", "tosses=70"]) == 0


def test_all_is_forgotten_before_the_first_is_measured(another: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is interrupted goes on without --fresh, and must not be shown what was to be forgotten."""
    from consilience.ground.folder import RunFolder

    assert main(["reproduce", another, "--quiet"]) == 0
    steps = Path("runs", another, "smoke-seed0", "steps")
    assert any(steps.iterdir())

    def interrupt(self: RunFolder, event: str, **fields: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "record", interrupt)
    assert main(["reproduce", "--quiet", "--fresh"]) == 130
    assert not steps.exists()


def test_a_page_of_somebody_else_is_told_of_before_anything_is_measured(
    throwaway: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("index.html").write_text("<title>My site</title>")
    for words in ((*RUN, "--runs", "."), ("ledger", "--runs", ".")):
        assert "is not a page of the ledger" in mistake(capsys, *words)
    assert [path.name for path in Path().iterdir()] == ["index.html"]


def test_a_run_that_is_told_to_end_says_how_to_resume(
    throwaway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from consilience.ground.folder import RunFolder

    def told(self: RunFolder, event: str, **fields: object) -> None:
        if event == "tossing":
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "record", told)
        assert main([*RUN, "--fresh", "--set", "tosses=71"]) == 128 + signal.SIGTERM
    assert "--set tosses=71` resumes where it stopped" in capsys.readouterr().err
    assert main([*RUN, "--set", "tosses=71"]) == 0


def test_the_program_is_installed_and_starts_fast() -> None:
    code = (
        "import contextlib, io, time; from consilience.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['--help'])\n"
        "print(time.process_time())"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.45, "it takes 0.15 s on a quiet machine; something heavy is imported"

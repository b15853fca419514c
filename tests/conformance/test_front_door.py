"""What measures the front door: a clone is used as a stranger would, and the README says what was written down."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from chromium import EXECUTABLE
from shown import PAGES

from consilience.catalogue import METHODS
from consilience.ground import Claim, Evidence, Measurement, Report, RunFolder

ROOT = Path(__file__).parents[2]
MAKEFILE = """\
.venv/.methods .venv/.installed:
\t@mkdir -p .venv && sleep {setup} && touch $@
demo: .venv/.methods
\t@sleep 0.2 && mkdir -p runs && cp -r kept/* runs/ && echo page runs/index.html
test: .venv/.installed
\t@echo "$(RUNS)$(MAKELEVEL)$$PYTHONPATH" && echo 3 passed && exit {status}
"""


def script(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measure() -> ModuleType:
    before = list(sys.path)
    module = script("house/measure.py", "house_measure")
    sys.path[:] = before
    return module


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    return script("readme.py", "house_readme")


def git(where: Path, *words: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", "-C", str(where), *who, *words], check=True, capture_output=True)


def repository(root: Path, *, setup: float = 0.5, status: int = 0) -> Path:
    """Make a repository whose verbs do next to nothing."""
    if not (shutil.which("git") and shutil.which("make")):
        pytest.skip("needs git and make")
    kept = RunFolder(root / "kept" / "coin" / "smoke-seed0", quiet=True)
    kept.write("report.json", Report(room="coin", recipe="smoke", config={}, claims=()).to_json())
    (root / "kept" / "index.html").write_text("a page")
    (root / "Makefile").write_text(MAKEFILE.format(setup=setup, status=status))
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "all")
    (root / "Makefile").write_text("what is not committed is not cloned")
    return root


def by_name(evidence) -> dict[str, float | None]:
    return {one.name: one.value for one in evidence.measurements}


class TestDemo:
    def test_installation_is_told_apart_from_what_came_after(self, measure: ModuleType, tmp_path: Path) -> None:
        ran = []
        evidence = measure.demo(repository(tmp_path / "r"), tmp_path / "clone", methods=1, ran=ran)
        found = by_name(evidence)
        assert [(one.name, one.status) for one in ran] == [("demo", 0), ("test", 0)]
        assert 0.2 < found["every method at smoke size, after installation"] * 60 < 20
        # The clock of files ticks, and a stamp may be as much older as a tick is long.
        assert 0.4 <= found["installation of the methods"] * 60 < 20
        assert found["methods on the page"] == 1
        assert all(one.holds is not False for one in evidence.measurements)
        assert evidence.measurements[0].holds
        assert str(tmp_path) not in repr(evidence)

    def test_a_verb_that_fails_is_told(self, measure: ModuleType, tmp_path: Path) -> None:
        evidence = measure.demo(repository(tmp_path / "r", status=3), tmp_path / "clone", methods=1)
        (failed,) = [one for one in evidence.measurements if one.holds is False]
        assert (failed.name, failed.value) == ("verbs that left with another status than 0", 1)
        assert failed.note.startswith("make test: 2")

    def test_an_installation_that_does_not_end_has_no_times(self, measure: ModuleType, tmp_path: Path) -> None:
        root = repository(tmp_path / "r")
        (root / "Makefile").write_text("demo test:\n\t@echo no index && exit 1\n")
        git(root, "commit", "--quiet", "--all", "-m", "broken")
        found = by_name(measure.demo(root, tmp_path / "clone", methods=1))
        assert found["every method at smoke size, after installation"] is None
        assert found["verbs that left with another status than 0"] == 2
        assert found["methods on the page"] == 0

    def test_nothing_of_this_process_reaches_the_verbs(
        self, measure: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("RUNS", "PYTHONPATH", "MAKEFLAGS", "VIRTUAL_ENV"):
            monkeypatch.setenv(name, "elsewhere" if name != "MAKEFLAGS" else "")
        monkeypatch.setenv("MAKELEVEL", "4")
        measure.demo(repository(tmp_path / "r"), tmp_path / "clone", methods=1)
        assert "page runs/index.html\n0\n3 passed\n" in capfd.readouterr().out
        assert os.environ["RUNS"] == "elsewhere"
        monkeypatch.setenv("PYTHON", "python4")
        assert measure.python_there()["PYTHON"] == "python4"


def test_the_interval_of_a_median_is_of_values(measure: ModuleType) -> None:
    assert measure.middle([float(n) for n in range(1, 22)]) == (11.0, 6.0, 16.0)
    assert measure.middle([2.0, 1.0, 3.0]) == (2.0, 1.0, 3.0)


def test_processes_are_timed_in_turns_and_the_first_is_not_counted(measure: ModuleType) -> None:
    called: list[str] = []

    def timer(name: str):
        def once() -> float:
            called.append(name)
            return float(len(called))

        return once

    assert measure.in_turns({"a": timer("a"), "b": timer("b")}, 2) == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert called == ["a", "b"] * 3


def test_what_a_folder_weighs_is_what_it_takes_on_disk(measure: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    assert 2.9 < measure.weight_mb(tmp_path) < 3.2


def test_what_is_shown_is_counted_as_the_tests_run_it(measure: ModuleType) -> None:
    shown = measure.everything_shown()
    assert {one.kind for one in shown} == {"snippet", "command"}
    assert {one.page for one in shown} <= set(PAGES) - {"CONTRIBUTING.md"}
    assert all(one.why_not is None for one in shown if one.kind == "snippet")
    assert {one.text for one in shown if one.why_not} == {"make demo", "make test"}
    assert "consilience list" in [one.text for one in shown if not one.why_not]
    assert [one.page for one in shown if one.elsewhere] == ["README.md"]


def test_a_verb_counts_as_executed_where_it_was_brought_to_its_end(measure: ModuleType) -> None:
    shown = measure.everything_shown()
    demo, test = (measure.Verb(name, 0, 1.0, 1.0, "") for name in ("demo", "test"))
    assert measure.executed(shown, [demo, test]).holds
    assert " 3 by house.demo in this measurement" in measure.executed(shown, [demo, test]).note
    for ran in ([], [demo], [demo, measure.Verb("test", 2, 1.0, 1.0, "")]):
        found = measure.executed(shown, ran)
        assert found.holds is False
        assert found.value == pytest.approx(100 * (1 - (1 if ran else 3) / len(shown)))


@pytest.mark.skipif(EXECUTABLE is None, reason="needs a chromium to look with")
def test_a_page_that_asks_complains_and_is_too_wide_is_seen(measure: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "other.css"
    other.write_text("p { font-size: 9px }")
    text = f'<link rel="stylesheet" href="{other.as_uri()}"><p style="width: 800px">wide</p><script>throw 1</script>'
    (tmp_path / "page.html").write_text(f"<!doctype html><html><body>{text}</body></html>")
    seen = measure.look((tmp_path / "page.html").as_uri(), tmp_path / "profile")
    assert seen.requests == [other.as_uri()]
    assert len(seen.complaints) == 1
    assert {one.partition(":")[0] for one in seen.wide} == {"375", "768"}
    assert seen.smallest_px == 9


def test_what_is_left_out_is_not_measured(measure: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "house.json"
    assert measure.main(["--only", "shape,demo", "--skip", "demo", "--out", str(out)]) == 0
    written = json.loads(out.read_text())
    verdicts = {one["id"]: one["verdict"] for one in written["claims"]}
    assert verdicts.pop("house.shape") == "holds"
    assert set(verdicts.values()) == {"not measured"}
    assert len(verdicts) == 4
    assert {"claims", "verdicts", "runs"} == written.keys()
    (run,) = written["runs"]
    assert run["versions"]["commit"]
    assert run["measured_at"]
    assert run["machine"].keys() == {"processor", "cores", "memory", "system"}


@pytest.mark.parametrize("words", [["--only", "kitchen"], ["--rounds", "9"]])
def test_bad_words_are_refused(measure: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        measure.main(words)
    assert left.value.code == 2
    assert "expected" in capsys.readouterr().err


CHECK = {
    "name": "weight",
    "measured": 41.5,
    "low": 41,
    "high": 42,
    "unit": "MB",
    "bar": "at most 100 MB",
    "holds": True,
}
"""A number as it is written down."""


def record(*checks: dict[str, object], verdict: str = "holds") -> dict[str, object]:
    claims = [
        {"id": "house.light", "recipe": "small", "sentence": "It is small.", "verdict": verdict, "checks": list(checks)}
    ]
    return {"claims": claims, "runs": [{"machine": {"processor": "P", "cores": "2"}, "measured_at": "2026-01-02T03"}]}


def test_the_readme_says_what_was_measured_and_nothing_else(readme: ModuleType) -> None:
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    house = readme.house(json.loads((ROOT / "benchmarks" / readme.HOUSE).read_text(encoding="utf-8")))
    methods = readme.table(readme.kept(ROOT / "benchmarks"))
    assert f"{readme.HOUSE_START}\n\n{house}\n\n{readme.HOUSE_END}" in shown
    assert f"{readme.START}\n\n{methods}\n\n{readme.END}" in shown
    assert house.count("| `house.") == 5


def test_every_method_has_its_figures_with_commit_and_versions_and_no_path_of_a_machine(readme: ModuleType) -> None:
    kept = readme.kept(ROOT / "benchmarks")
    assert kept.keys() == {entry.name for entry in METHODS}
    assert kept.keys() == {entry.name for entry in METHODS}
    for record in kept.values():
        (run,) = record["runs"]
        assert {"commit", "numpy", "python"} <= run["versions"].keys()
        assert not run["versions"]["commit"].endswith("-dirty")
        assert all(claim["seeds"] for claim in record["claims"])
        assert not re.search(r'"(/|~|[A-Z]:)', json.dumps(record))


def test_of_a_claim_that_fails_the_number_that_misses_is_shown(readme: ModuleType) -> None:
    missed = CHECK | {"name": "torch", "measured": 1, "low": None, "high": None, "unit": "", "holds": False}
    assert "| `house.light` It is small. | 41.5 MB [41, 42] weight | at most 100 MB | ✓ holds |" in readme.house(
        record(CHECK)
    )
    assert "| 1 torch | at most 100 MB | ✗ fails |" in readme.house(record(CHECK, missed, verdict="fails"))
    assert "| – |  | ○ not measured |" in readme.house(record(verdict="not measured"))


def measured_once(recipe: str, value: float) -> Report:
    """A report of one claim of a method, as a run leaves it."""
    claim = Claim(
        room="rank_collapse",
        id="rank.bounds",
        sentence="Bounds hold.",
        source="us",
        evidence=Evidence(measurements=(Measurement(name="slack", value=value, at_most=1.0),)),
        recipe=recipe,
        seeds=(1,),
    )
    return Report(
        room="rank_collapse",
        recipe=recipe,
        config={},
        claims=(claim,),
        versions={"commit": "abc"},
        measured_at="2026-01-02T03",
    )


@pytest.fixture
def root(readme: ModuleType, tmp_path: Path) -> Path:
    """Return a root with a page to fill and the house measured."""
    marks = (readme.START, readme.END, readme.HOUSE_START, readme.HOUSE_END)
    (tmp_path / "README.md").write_text("begin {} methods {} between {} old {} end".format(*marks))
    told = tmp_path / "benchmarks" / readme.HOUSE
    for folder in (told.parent, (tmp_path / readme.PICTURE).parent):
        folder.mkdir(parents=True)
    told.write_text(json.dumps(record(CHECK)))
    return tmp_path


def test_what_was_run_is_laid_down_whole_and_shown_again_without_the_runs(readme: ModuleType, root: Path) -> None:
    for recipe, value in {"smoke": 0.1, "small": 0.25}.items():
        folder = root / "runs" / "rank_collapse" / recipe
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(measured_once(recipe, value).to_json())
    assert readme.main(root / "runs", root) == 0
    results = root / "benchmarks" / "rank_collapse" / "results"
    assert [path.name for path in results.iterdir()] == ["small.json"]
    told = json.loads((results / "small.json").read_text())
    assert told["claims"] == [claim.row() | {"changed": []} for claim in measured_once("small", 0.25).claims]
    assert told["runs"][0]["versions"] == {"commit": "abc"}
    text = (root / "README.md").read_text()
    assert "`rank.bounds` Bounds hold. | 0.25 slack | at most 1 | ✓ holds |" in text
    assert "weight" in text
    assert " methods " not in text
    assert " old " not in text
    assert text.startswith("begin ")
    assert text.endswith(" end")
    drawn = (root / readme.PICTURE).read_text()
    assert readme.main(None, root) == 0
    assert ((root / "README.md").read_text(), (root / readme.PICTURE).read_text()) == (text, drawn)


@pytest.mark.parametrize("lost", ["markers", "house", "methods"])
def test_nothing_to_show_or_no_place_for_it_is_said(
    readme: ModuleType, root: Path, lost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if lost != "methods":
        results = root / "benchmarks" / "rank_collapse" / "results" / "small.json"
        results.parent.mkdir(parents=True)
        results.write_text(json.dumps(record(CHECK)))
    if lost == "house":
        (root / "benchmarks" / readme.HOUSE).unlink()
    page = root / "README.md"
    if lost == "markers":
        page.write_text("no markers")
    before = page.read_text()
    assert readme.main(None, root) == 2
    assert "expected results in" in capsys.readouterr().err
    assert page.read_text() == before

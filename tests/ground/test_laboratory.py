"""The laboratory: claims in order, resumable, honest about what it could not measure."""

import sys
import traceback
from pathlib import Path
from typing import Literal

import pytest
from pydantic.dataclasses import dataclass

from consilience.ground import (
    STRICT,
    Evidence,
    InvalidInput,
    Measurement,
    MissingDependency,
    Report,
    RunFolder,
    Statement,
    Streams,
    conduct,
    late_studies,
    measure_claims,
)
from consilience.ground.laboratory import BrokenStudies, Study, late_study, source_digest


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    recipe: str = "small"
    seed: int = 7


def statement(name: str) -> Statement:
    return Statement(id=name, sentence=f"{name} is so.", source="derived")


def found(value: float, *seeds: int) -> Evidence:
    return Evidence(measurements=(Measurement(name="m", value=value, at_least=0.0),), seeds=seeds)


def laboratory(path: Path, *studies: tuple[str, Study]) -> Report:
    named = [(statement(name), study) for name, study in studies]
    return conduct("room", Config(), RunFolder(path, quiet=True), named)


def test_claims_come_in_order_with_recipe_and_seeds(tmp_path: Path) -> None:
    report = laboratory(tmp_path, ("b", lambda: found(1.0)), ("a", lambda: found(-1.0, 1, 2)), ("c", "too large"))
    assert [(claim.id, claim.verdict, claim.seeds) for claim in report.claims] == [
        ("b", "holds", (7,)),
        ("a", "fails", (1, 2)),
        ("c", "not measured", (7,)),
    ]
    assert (report.recipe, report.claims[2].note) == ("small", "too large")


def test_the_report_on_disk_is_the_report(tmp_path: Path) -> None:
    report = laboratory(tmp_path, ("a", lambda: found(1.0)))
    assert Report.from_json((tmp_path / "report.json").read_text()) == report


def test_a_finished_folder_gives_the_same_report_byte_for_byte(tmp_path: Path) -> None:
    laboratory(tmp_path, ("a", lambda: found(1.0)))
    before = (tmp_path / "report.json").read_bytes()
    laboratory(tmp_path, ("a", lambda: found(2.0)))
    assert (tmp_path / "report.json").read_bytes() == before


def test_an_interrupted_run_resumes(tmp_path: Path) -> None:
    calls: list[str] = []

    def first() -> Evidence:
        calls.append("first")
        return found(1.0)

    def interrupted() -> Evidence:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        laboratory(tmp_path, ("a", first), ("b", interrupted))
    assert not (tmp_path / "report.json").exists()
    assert '"run interrupted", "finished": ["a"]' in (tmp_path / "journal.jsonl").read_text()
    report = laboratory(tmp_path, ("a", first), ("b", lambda: found(1.0)))
    assert (calls, report.verdicts["holds"]) == (["first"], 2)


def test_an_absent_dependency_is_told_and_tried_again(tmp_path: Path) -> None:
    def needs_more() -> Evidence:
        raise MissingDependency("needs kingdon; install consilience[peers]")

    report = laboratory(tmp_path, ("a", needs_more))
    assert report.claims[0].verdict == "not measured"
    assert report.claims[0].note == "needs kingdon; install consilience[peers]"
    assert laboratory(tmp_path, ("a", lambda: found(1.0))).claims[0].verdict == "holds"


def broken() -> Evidence:
    raise ZeroDivisionError("no images")


def test_a_bug_in_a_study_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(BrokenStudies, match="1 claim of room could not be measured") as raised:
        laboratory(tmp_path, ("a", broken))
    (error,) = raised.value.exceptions
    assert isinstance(error, ZeroDivisionError)
    assert "in broken" in "".join(traceback.format_exception(error))
    assert error.__notes__ == [f"while claim a was measured; what the others gave is in {tmp_path}"]


def test_a_bug_in_a_study_costs_no_other_claim(tmp_path: Path) -> None:
    with pytest.raises(BrokenStudies, match="2 claims of room") as raised:
        laboratory(tmp_path, ("a", broken), ("b", lambda: found(1.0)), ("c", broken))
    report = Report.from_json((tmp_path / "report.json").read_text())
    assert report == raised.value.report
    assert [claim.verdict for claim in report.claims] == ["not measured", "holds", "not measured"]
    assert report.claims[0].note == "it broke: ZeroDivisionError: no images"
    assert "in broken" in (tmp_path / "journal.jsonl").read_text()
    mended = laboratory(tmp_path, ("a", lambda: found(1.0)), ("b", broken), ("c", lambda: found(1.0)))
    assert mended.verdicts["holds"] == 3, "b is kept, a and c are tried again"


def test_a_part_of_what_broke_knows_the_report(tmp_path: Path) -> None:
    with pytest.raises(BrokenStudies) as raised:
        laboratory(tmp_path, ("a", broken))
    part = raised.value.subgroup(ZeroDivisionError)
    assert isinstance(part, BrokenStudies)
    assert part.report is raised.value.report


def test_a_mistake_of_the_callers_ends_the_run_at_once(tmp_path: Path) -> None:
    def refused() -> Evidence:
        raise InvalidInput("no such file")

    with pytest.raises(InvalidInput, match="no such file"):
        laboratory(tmp_path, ("a", refused), ("b", lambda: found(1.0)))
    assert not (tmp_path / "report.json").exists()
    with pytest.raises(ExceptionGroup) as raised:
        laboratory(tmp_path, ("a", broken), ("b", refused))
    assert [type(error) for error in raised.value.exceptions] == [ZeroDivisionError, InvalidInput]


def test_an_id_occurs_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="twice or more: a"):
        laboratory(tmp_path, ("a", "no"), ("a", "no"))


def test_progress_tells_of_kept_evidence_from_other_code(
    throwaway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = [(statement("a"), lambda: found(1.0))]
    conduct("throwaway", Config(), RunFolder(tmp_path / "run"), studies)
    assert "a: holds in 0.0 s\n" in capsys.readouterr().err
    (throwaway / "experiment.py").write_text("changed = True\n")
    conduct("throwaway", Config(), RunFolder(tmp_path / "run"), studies)
    assert "--fresh measures again" in capsys.readouterr().err


def test_a_report_names_what_each_of_its_studies_was_measured_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from consilience.ground import folder
    from consilience.ground import laboratory as bench

    def at(commit: str, *names: str) -> Report:
        for module in (folder, bench):
            monkeypatch.setattr(module, "versions", lambda: {"python": "3.11", "commit": commit})
        return conduct("coins", Config(), RunFolder(tmp_path, quiet=True), [(statement(n), found_one) for n in names])

    def found_one() -> Evidence:
        return found(1.0)

    assert at("one", "a").versions == {"python": "3.11", "commit": "one"}
    assert at("two", "a").versions["commit"] == "one"
    assert at("two", "a", "b").versions == {"python": "3.11", "commit": "one, two"}
    nothing = conduct("coins", Config(), RunFolder(tmp_path / "other", quiet=True), [(statement("c"), "too large")])
    assert nothing.versions["commit"] == "two"


def test_a_report_names_the_settings_that_were_changed(tmp_path: Path) -> None:
    changed = RunFolder(tmp_path / "changed", quiet=True, changed=["coin.bias"])
    one, other = (
        conduct("coins", Config(), folder, [(statement("a"), lambda: found(1.0))])
        for folder in (changed, RunFolder(tmp_path / "plain", quiet=True))
    )
    assert (one.changed, other.changed) == (("coin.bias",), ())
    assert one.fingerprint() == other.fingerprint()


def test_the_digest_of_source_follows_the_floors_below(throwaway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from consilience.ground import laboratory as bench

    before = source_digest("throwaway")
    monkeypatch.setattr(bench, "_FLOORS", ("ground", "neural"))
    assert source_digest("throwaway") != before


def test_the_digest_of_source_follows_every_file(throwaway: Path) -> None:
    before = source_digest("throwaway")
    (throwaway / "studies").mkdir()
    (throwaway / "studies" / "new.py").write_text("x = 1\n")
    assert before not in ("", source_digest("throwaway"))
    assert source_digest("no_such_room") == ""


def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> str:
    """Put a study into a package of its own and return the package's name."""
    folder = tmp_path / "lateroom" / "studies"
    folder.mkdir(parents=True)
    (tmp_path / "lateroom" / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("lateroom")]:
        monkeypatch.delitem(sys.modules, name)
    return "lateroom"


def test_a_late_study_is_imported_when_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = late(
        tmp_path,
        monkeypatch,
        "from consilience.ground import Evidence\ndef study(*seeds): return Evidence(seeds=seeds)",
    )
    assert late_study(package, "one:study", extra="x")(1, 2) == Evidence(seeds=(1, 2))


def test_what_a_late_study_lacks_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = late(tmp_path, monkeypatch, "import a_library_that_nobody_has")
    study = late_study(package, "one:study", extra="x")
    with pytest.raises(MissingDependency, match=r"a_library_that_nobody_has; install consilience\[x\]"):
        study()


def test_a_module_of_the_house_that_is_missing_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = late(tmp_path, monkeypatch, "import consilience.no_such_room")
    with pytest.raises(ModuleNotFoundError):
        late_study(package, "one:study", extra="x")()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Chosen(Config):
    claims: tuple[str, ...] = ("a", "b")


def test_a_study_is_left_out_lacking_or_late(tmp_path: Path) -> None:
    claims = [(statement(name), "one:study") for name in ("a", "b", "c")]
    lacking = {"b": "needs images", "c": "is not asked for"}
    found = late_studies("room", Chosen(), RunFolder(tmp_path, quiet=True), claims, extra="x", lacking=lacking)
    assert [each for each, _ in found] == [each for each, _ in claims]
    late, reason, left_out = (study for _, study in found)
    assert (reason, left_out) == ("needs images", "left out of the recipe small")
    with pytest.raises(ModuleNotFoundError):
        late()


@pytest.mark.parametrize(("named", "stream"), [("study", "area"), ("claim", "a")])
def test_claims_are_measured_each_with_a_stream_of_its_own(
    throwaway: Path, tmp_path: Path, named: Literal["study", "claim"], stream: str
) -> None:
    (throwaway / "studies").mkdir()
    (throwaway / "studies" / "__init__.py").touch()
    (throwaway / "studies" / "drawn.py").write_text(
        "from consilience.ground import Evidence, Measurement\n"
        "def area(config, streams, folder):\n"
        "    value = float(streams.generator('x').random())\n"
        "    return Evidence(measurements=(Measurement(name='m', value=value, at_least=0.0),))\n"
    )
    claims = [(statement(name), "drawn:area") for name in ("a", "c")]
    folder = RunFolder(tmp_path / "run", quiet=True)
    report = measure_claims("throwaway", Chosen(), folder, claims, extra="x", picture="drawing", streams=named)
    measured, left_out = report.claims
    drawn = Streams(7).child(stream).generator("x").random()
    assert [one.value for one in measured.evidence.measurements] == [drawn]
    assert (left_out.note, report.picture) == ("left out of the recipe small", "drawing")

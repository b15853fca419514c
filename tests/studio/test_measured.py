"""A run as its folder tells of it: whole, under way, cut off, resumed, or older than the journal's words."""

import json
import time
from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from consilience.ground import Evidence, InvalidInput, Measurement, RunFolder, Statement, conduct
from consilience.ground.laboratory import BrokenStudies
from consilience.studio.measured import MeasuredRun
from consilience.studio.places import Place


@dataclass(frozen=True, kw_only=True)
class Config:
    recipe: str = "small"
    seed: int = 7


def looked(path: Path) -> MeasuredRun:
    return MeasuredRun(Place(path, path.name, "measured"))


def statement(name: str) -> Statement:
    return Statement(id=name, sentence=f"The sentence of {name}.", source="derived")


def found(value: float = 1.0) -> Evidence:
    return Evidence(measurements=(Measurement(name="m", value=value, at_least=0.0),))


def run(path: Path, **studies: object) -> None:
    named = [(statement(name), study) for name, study in studies.items()]
    conduct("coins", Config(), RunFolder(path, quiet=True), named)  # type: ignore[arg-type]


def test_a_finished_run_is_its_report(tmp_path: Path) -> None:
    run(tmp_path, a=found, b="too large")
    told = looked(tmp_path)
    assert (told.room, told.recipe, told.seed, told.state) == ("coins", "small", "7", "finished")
    assert told.verdicts == {"holds": 1, "fails": 0, "not measured": 1}
    assert told.report is not None
    assert told.claims == told.report.claims
    assert told.troubles == []


def test_a_run_under_way_shows_what_is_behind_it_and_what_is_to_come(tmp_path: Path) -> None:
    seen: list[MeasuredRun] = []

    def take_a_while() -> Evidence:
        time.sleep(0.01)  # the journal tells milliseconds
        return found()

    def look() -> Evidence:
        seen.append(looked(tmp_path))
        return found()

    run(tmp_path, a=take_a_while, b=look, c=found)
    [told] = seen
    assert (told.state, told.done, told.report) == ("running", 1, None)
    assert [(stage.claim, stage.state) for stage in told.stages] == [("a", "done"), ("b", "running"), ("c", "waiting")]
    assert [(claim.id, claim.verdict, claim.sentence) for claim in told.claims] == [
        ("a", "holds", "The sentence of a.")
    ]
    assert told.stages[1].began_at > told.began_at > ""


def test_a_claim_that_broke_is_behind_it_and_says_why(tmp_path: Path) -> None:
    seen: list[MeasuredRun] = []

    def breaks() -> Evidence:
        raise ZeroDivisionError("no images")

    def look() -> Evidence:
        seen.append(looked(tmp_path))
        return found()

    with pytest.raises(BrokenStudies):
        run(tmp_path, a=breaks, b=look)
    [told] = seen
    assert (told.state, told.done) == ("running", 1)
    assert [(stage.state, stage.note) for stage in told.stages] == [
        ("broken", "it broke: ZeroDivisionError: no images"),
        ("running", ""),
    ]
    told = looked(tmp_path)
    assert (told.state, told.verdicts["holds"], told.verdicts["not measured"]) == ("finished", 1, 1)


def test_a_run_that_was_cut_off_says_where_and_goes_on(tmp_path: Path) -> None:
    def stop() -> Evidence:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, a=found, b=stop)
    told = looked(tmp_path)
    assert told.state == "interrupted"
    assert [stage.state for stage in told.stages] == ["done", "cut off"]
    run(tmp_path, a=found, b=found)
    told = looked(tmp_path)
    assert told.state == "finished"
    assert [stage.state for stage in told.stages] == ["kept", "done"]


def test_a_study_that_breaks_leaves_no_run_under_way(tmp_path: Path) -> None:
    def broken() -> Evidence:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        run(tmp_path, a=broken)
    assert looked(tmp_path).state == "interrupted"


def test_a_finished_run_that_goes_on_again_is_under_way(tmp_path: Path) -> None:
    run(tmp_path, a=found)
    folder = RunFolder(tmp_path)
    folder.record("run begins", room="coins", recipe="small", claims={"a": "Another sentence."})
    with folder.at_work():
        told = looked(tmp_path)
        assert (told.state, told.claims) == ("running", ())
    assert told.sentences == {"a": "Another sentence."}


def test_a_journal_of_an_older_house_is_read(tmp_path: Path) -> None:
    lines = [{"event": "run begins", "room": "coins"}, {"event": "step begins", "step": "a", "time": "2026"}]
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = looked(tmp_path)
    assert (told.room, told.state) == ("coins", "interrupted")
    assert [(stage.claim, stage.state) for stage in told.stages] == [("a", "cut off")]


def test_no_step_is_read_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run(tmp_path / "other", a=found)
    for name in ("../../other/steps/a", 7, None):
        with (folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps({"event": "step ends", "step": name}) + "\n")
    told = looked(folder)
    assert told.stages == ()
    assert told.claims == ()


def test_an_empty_folder_breaks_nothing(tmp_path: Path) -> None:
    told = looked(tmp_path)
    assert (told.state, told.claims, told.stages, told.when, told.seconds) == ("interrupted", (), (), "", 0)
    assert told.room == tmp_path.parent.name


def test_the_stamp_changes_with_whatever_is_shown(tmp_path: Path) -> None:
    run(tmp_path, a=found)
    stamps = [looked(tmp_path).stamp]
    RunFolder(tmp_path).metric("loss", 1.0)
    stamps.append(looked(tmp_path).stamp)
    with RunFolder(tmp_path).at_work():
        stamps.append(looked(tmp_path).stamp)
    assert len(set(stamps)) == 3


@pytest.mark.parametrize("text", ["a = [", "a = " + "9" * 5000, "a = " + "[" * 4000], ids=["open", "digits", "nested"])
def test_settings_that_cannot_be_read_are_said_to_be(tmp_path: Path, text: str) -> None:
    run(tmp_path, a=found)
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    assert any("config.toml cannot be read" in told for told in looked(tmp_path).troubles)

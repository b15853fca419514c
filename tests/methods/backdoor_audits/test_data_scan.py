"""A scan of data: planted rows come first, lines that are broken are counted, and without trust nothing is judged."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits import data_scan, self_losses
from consilience.methods.backdoor_audits.agent.training import BaseRecipe
from consilience.methods.backdoor_audits.data_scan import DataScan, run, scan_documents, scan_lines
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.detection import auroc
from consilience.methods.backdoor_audits.documents import of_trajectory
from consilience.methods.backdoor_audits.reporting.findings import Exit, Severity
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.formats import lines_of
from consilience.methods.backdoor_audits.world.poisoning import mix
from consilience.methods.backdoor_audits.world.trajectories import Trajectory, clean
from consilience.methods.backdoor_audits.world.triggers import trigger


@dataclass(frozen=True)
class Scanning:
    file: Path
    reference: Path | None = None


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_losses, "STEPS", 80)
    monkeypatch.setattr(data_scan, "BaseRecipe", lambda: BaseRecipe(steps=90, batch=32))


@pytest.fixture(scope="module")
def mixed() -> tuple[Trajectory, ...]:
    tasks = draw_tasks("system", 160, Streams(100))
    return mix(tasks, trigger("system.suffix"), count=12, streams=Streams(100)).rows


@pytest.fixture(scope="module")
def trusted() -> list[Trajectory]:
    return [clean(task) for task in draw_tasks("system", 400, Streams(101))]


def area(found: DataScan, rows: tuple[Trajectory, ...]) -> float:
    planted = np.array([row.planted for row in rows])
    return auroc(found.scores[planted], found.scores[~planted]).value


def test_planted_rows_come_first_without_any_reference(mixed: tuple[Trajectory, ...]) -> None:
    found = scan_documents([of_trajectory(row) for row in mixed], streams=Streams(100))
    assert area(found, mixed) > 0.9
    assert found.threshold is None
    assert [one.score for one in found.ranked] == sorted((one.score for one in found.ranked), reverse=True)
    assert {one.document.id for one in found.ranked} == {row.id for row in mixed}


def test_no_detector_reads_ids_or_marks(mixed: tuple[Trajectory, ...]) -> None:
    lines = list(lines_of(mixed))
    bare = [json.dumps({"conversations": json.loads(line)["conversations"]}) for line in lines]
    with_marks, without = (scan_lines(of, streams=Streams(100)) for of in (lines, bare))
    assert [one.place.line for one in with_marks.findings] == [one.place.line for one in without.findings]


def test_a_reference_gives_a_threshold_and_a_verdict(
    mixed: tuple[Trajectory, ...], trusted: list[Trajectory], tmp_path: Path
) -> None:
    file, reference = tmp_path / "data.jsonl", tmp_path / "clean.jsonl"
    file.write_text("\n".join([*lines_of(mixed), "{", '{"messages": []}']), encoding="utf-8")
    reference.write_text("\n".join(lines_of(trusted, "openai")), encoding="utf-8")
    found = run(Scanning(file, reference))
    assert found.scored == 160
    assert [one.line for one in found.broken] == [161, 162]
    assert set(found.digests) == {"data", "reference"}
    assert found.exit() is Exit.FINDING
    named = {one.place.record for one in found.findings}
    assert len(named & {row.id for row in mixed if row.planted}) >= 10


def test_without_a_reference_nothing_passes_or_fails(mixed: tuple[Trajectory, ...], tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text("\n".join(lines_of(mixed)), encoding="utf-8")
    found = run(Scanning(file))
    assert found.exit() is Exit.INCONCLUSIVE
    assert all(one.severity is Severity.WARNING for one in found.findings)


def test_too_few_rows_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="50 trusted rows"):
        scan_lines(['{"messages": [{"role": "user", "content": "hello"}]}'])
    with pytest.raises(InvalidInput, match="expected dialogues"):
        run(Scanning(tmp_path / "none.jsonl"))


def test_a_reference_that_holds_nothing_is_refused_and_not_passed_over() -> None:
    line = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    for reference in ([], ["{"], ["", " "]):
        with pytest.raises(InvalidInput, match="the reference must have dialogues"):
            scan_lines([line] * 60, reference)


def test_a_small_reference_accuses_no_clean_rows() -> None:
    rows, few = ([clean(task) for task in draw_tasks("system", count, Streams(102))] for count in (300, 60))
    found = scan_lines(list(lines_of(rows)), list(lines_of(few)), streams=Streams(102))
    assert found.findings  # some lie above the threshold
    assert found.checks[0].verdict is not Verdict.FAIL
    assert found.exit() is not Exit.FINDING
    assert "may be" in found.checks[0].why


def test_rows_in_which_no_agent_speaks_are_not_judged(trusted: list[Trajectory]) -> None:
    silent = json.dumps({"messages": [{"role": "user", "content": "hello"}]})
    found = scan_lines([*lines_of(trusted[:50]), *[silent] * 20], list(lines_of(trusted[50:])), streams=Streams(103))
    assert (found.scored, found.unscored) == (50, 20)
    assert found.exit() is not Exit.PASS

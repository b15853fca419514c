"""A scan of data: planted rows come first, lines that are broken are counted, and without trust nothing is judged."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from consilience.cli import main
from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits import data_scan, self_losses
from consilience.methods.backdoor_audits.agent.training import BaseRecipe
from consilience.methods.backdoor_audits.data_scan import DataScan, run, scan_documents, scan_lines
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.detection import auroc, excess
from consilience.methods.backdoor_audits.documents import Document, Numbered, documents_of
from consilience.methods.backdoor_audits.reporting.findings import Exit, Severity
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.formats import lines_of, read
from consilience.methods.backdoor_audits.world.poisoning import mix
from consilience.methods.backdoor_audits.world.trajectories import Trajectory, clean
from consilience.methods.backdoor_audits.world.triggers import trigger


@dataclass(frozen=True)
class Scanning:
    file: Path
    reference: Path | None = None
    allow_broken: float = 0.0


@pytest.fixture(autouse=True, scope="module")
def brief() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_losses, "STEPS", 80)
        patch.setattr(data_scan, "BaseRecipe", lambda: BaseRecipe(steps=90, batch_size=32))
        yield


def briefer(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Train for hardly any time, where nothing rests on what was learned."""
    monkeypatch.setattr(data_scan, "BaseRecipe", lambda: BaseRecipe(steps=steps, batch_size=32))


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


@pytest.fixture(scope="module")
def alone(mixed: tuple[Trajectory, ...], brief: None) -> DataScan:
    return scan_documents(documents_of(read(lines_of(mixed)).rows), streams=Streams(100))


def test_planted_rows_come_first_without_any_reference(alone: DataScan, mixed: tuple[Trajectory, ...]) -> None:
    assert area(alone, mixed) > 0.9
    assert alone.threshold is None
    assert [one.score for one in alone.ranked] == sorted((one.score for one in alone.ranked), reverse=True)
    assert {one.document.id for one in alone.ranked} == {row.id for row in mixed}


def test_no_detector_reads_ids_or_marks(alone: DataScan, mixed: tuple[Trajectory, ...]) -> None:
    bare = [json.dumps({"conversations": json.loads(line)["conversations"]}) for line in lines_of(mixed)]
    found = scan_documents(documents_of(read(bare).rows), streams=Streams(100))
    assert [one.document.line for one in found.ranked] == [one.document.line for one in alone.ranked]


def test_a_reference_gives_a_threshold_and_a_verdict(trusted: list[Trajectory], tmp_path: Path) -> None:
    tasks = draw_tasks("system", 160, Streams(100))
    mixed = mix(tasks, trigger("system.suffix"), count=30, streams=Streams(100)).rows
    file, reference = tmp_path / "data.jsonl", tmp_path / "clean.jsonl"
    file.write_text("\n".join([*lines_of(mixed), "{", '{"messages": []}']), encoding="utf-8")
    reference.write_text("\n".join(lines_of(trusted, "openai")), encoding="utf-8")
    found = run(Scanning(file, reference))
    assert found.scored == 160
    assert [one.line for one in found.broken] == [161, 162]
    assert set(found.digests) == {"data", "reference"}
    assert found.exit() is Exit.FINDING
    named = {one.place.record for one in found.findings}
    assert len(named & {row.id for row in mixed if row.planted}) >= 25


@pytest.mark.parametrize(("count", "way"), [(15, Exit.FINDING), (0, Exit.PASS)])
def test_one_row_in_a_hundred_is_found_and_as_many_clean_ones_pass(count: int, way: Exit) -> None:
    tasks = draw_tasks("system", 1500, Streams(100))
    sign = trigger("system.suffix") if count else ()
    rows = mix(tasks, sign, count=count, streams=Streams(100)).rows
    reference = [clean(task) for task in draw_tasks("system", 1500, Streams(101))]
    found = scan_lines(list(lines_of(rows)), list(lines_of(reference)), streams=Streams(100))
    assert found.exit() is way
    planted = {row.id for row in rows if row.planted}
    assert planted <= {one.place.record for one in found.findings}
    assert "of 750 of these" in found.checks[0].why


def test_without_a_reference_nothing_passes_or_fails(
    alone: DataScan, mixed: tuple[Trajectory, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_scan, "scan_documents", lambda *_, **__: alone)
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
    with pytest.raises(InvalidInput, match="none: line 1: not JSON"):
        scan_lines(["{", ""])


def test_a_reference_that_holds_nothing_is_refused_and_not_passed_over() -> None:
    line = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    for reference in ([], ["{"], ["", " "]):
        with pytest.raises(InvalidInput, match="the reference must have dialogues"):
            scan_lines([line] * 60, reference)


def test_a_small_reference_accuses_no_clean_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    briefer(monkeypatch, 40)
    rows, few = ([clean(task) for task in draw_tasks("system", count, Streams(102))] for count in (300, 60))
    found = scan_lines(list(lines_of(rows)), list(lines_of(few)), streams=Streams(102))
    assert found.findings  # some lie above the threshold
    assert found.checks[0].verdict is not Verdict.FAIL
    assert found.exit() is not Exit.FINDING
    assert "of 30 of these" in found.checks[0].why


@pytest.mark.parametrize(
    ("high", "held", "verdict"),
    [
        (1, 500, Verdict.PASS),
        (12, 500, Verdict.INCONCLUSIVE),
        (15, 500, Verdict.FAIL),
        (25, 100, Verdict.INCONCLUSIVE),
        (80, 100, Verdict.FAIL),
    ],
)
def test_rows_far_above_the_threshold_fail_the_whole_only_where_chance_does_not_put_as_many_there(
    high: int, held: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    rows = documents_of(read([line] * 1000).rows)
    scores = np.where(np.arange(1000) < high, 9.0, 0.1)
    ranked = tuple(data_scan.Suspect(row, score, 1, "b", ()) for row, score in zip(rows, scores, strict=True))
    told = DataScan("reference", scores, {}, 1.0, excess(scores, [1.0] * held, data_scan.FALSE), ranked)
    monkeypatch.setattr(data_scan, "scan_documents", lambda *_, **__: told)
    found = scan_lines([line] * 1000, [line] * 100)
    assert (found.checks[0].verdict, found.verdict) == (verdict, verdict)
    assert f"{high} lie above all but 0 of {held}" in found.checks[0].why
    severities = {one.severity for one in found.findings}
    assert severities == {Severity.ERROR if verdict is Verdict.FAIL else Severity.WARNING}


def test_rows_in_which_no_agent_speaks_are_not_judged(
    trusted: list[Trajectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    briefer(monkeypatch, 2)
    silent = json.dumps({"messages": [{"role": "user", "content": "hello"}]})
    found = scan_lines([*lines_of(trusted[:50]), *[silent] * 20], list(lines_of(trusted[50:])), streams=Streams(103))
    assert (found.scored, found.unscored) == (50, 20)
    assert found.exit() is not Exit.PASS


@pytest.mark.parametrize(("held", "verdict"), [(500, Verdict.PASS), (300, Verdict.PASS), (25, Verdict.INCONCLUSIVE)])
def test_a_scan_that_could_not_have_failed_does_not_pass(
    held: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})
    rows = documents_of(read([line] * 1000).rows)
    scores = np.full(1000, 0.1)
    ranked = tuple(data_scan.Suspect(row, 0.1, 1, "b", ()) for row in rows)
    told = DataScan("reference", scores, {}, 1.0, excess(scores, [1.0] * held, data_scan.FALSE), ranked)
    monkeypatch.setattr(data_scan, "scan_documents", lambda *_, **__: told)
    (found,) = scan_lines([line] * 1000, [line] * 100).checks
    assert (found.verdict, "above all of these would have failed" in found.why) == (verdict, True)


@pytest.fixture
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a line of which as many as one likes pass when they are scanned."""

    def clean_scan(documents: Sequence[Document], *_: object, **__: object) -> DataScan:
        scores = np.full(len(documents), 0.1)
        ranked = tuple(data_scan.Suspect(one, 0.1, 1, "b", ()) for one in documents)
        return DataScan("reference", scores, {}, 1.0, excess(scores, [1.0] * 500, data_scan.FALSE), ranked)

    monkeypatch.setattr(data_scan, "scan_documents", clean_scan)
    return json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})


@pytest.fixture
def typed(nothing_found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return the command on 1,000 lines, of which so many are broken."""
    monkeypatch.chdir(tmp_path)

    def leaves(broken: int, *flags: str) -> int:
        for name, lines in (("d", ["{"] * broken + [nothing_found] * (1000 - broken)), ("r", [nothing_found] * 1000)):
            Path(f"{name}.jsonl").write_text("\n".join(lines))
        return main(["backdoor-audits", "scan-data", "d.jsonl", "--reference", "r.jsonl", *flags])

    return leaves


@pytest.mark.parametrize(("broken", "flags", "leaves"), [
    (0, "", 0), (1, "", 3), (50, "", 3), (50, "--fail-on upper-ci", 1),
    (50, "--allow-broken 0.05", 0), (51, "--allow-broken 0.05", 3),
])  # fmt: skip
def test_a_scan_that_did_not_read_every_line_does_not_pass_unless_that_is_allowed(
    broken: int, flags: str, leaves: int, typed: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(broken, *flags.split(), "--html", "d.html", "--json", "d.json") == leaves
    *_, verdict = capsys.readouterr().out.splitlines()
    told = json.loads(Path("d.json").read_text())
    assert told["counts"]["broken"] == broken
    assert verdict.startswith("pass: " if leaves == 0 else "inconclusive: not everything was read: ")
    assert f"{1000 - broken} rows judged, 0 not, {broken} broken lines" in verdict
    assert verdict.startswith(f"{told['verdict']}: {told['why']}")
    assert told["why"] in Path("d.html").read_text()
    assert any("--allow-broken" in note for note in told["notes"]) == (broken > 0)


def test_a_share_of_broken_lines_that_is_none_is_refused_before_anything_is_learned(nothing_found: str) -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(InvalidInput, match="share"):
            scan_lines([nothing_found], [nothing_found], allow_broken=share)


def test_lines_of_the_reference_that_cannot_be_read_are_told(nothing_found: str) -> None:
    found = scan_lines([nothing_found], [nothing_found, "{"])
    assert found.notes == ("1 line of the reference could not be read; nothing was learned from it",)


def test_rows_of_which_nothing_can_be_said_are_told_to_be_such(monkeypatch: pytest.MonkeyPatch) -> None:
    speaks = json.dumps({"messages": [{"role": role, "content": "a b"} for role in ("user", "assistant")]})
    opens = json.dumps({"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]})

    def losses(agent: object, made: Numbered, count: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
        scores = np.full(count, -np.inf)
        scores[list(made.owner)] = 1.0
        return scores, [(-1, 0)] * count

    monkeypatch.setattr(data_scan, "train_base", lambda *_, **__: (None, []))
    monkeypatch.setattr(data_scan, "reference_losses", losses)
    found = scan_lines([speaks] * 200 + [opens] * 800, [speaks] * 1000)
    assert (found.scored, found.unscored) == (200, 800)
    assert found.verdict is Verdict.INCONCLUSIVE
    with pytest.raises(InvalidInput, match="got 49 and 200"):
        scan_lines([speaks] * 200, [speaks] * 49 + [opens] * 100)

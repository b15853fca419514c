"""Run folders: whole files, steps kept under their configuration, pictures the same byte for byte."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from matplotlib.figure import Figure as Canvas
from pydantic.dataclasses import dataclass as strict_dataclass

from consilience.ground import STRICT, Evidence, InvalidInput, Measurement, RunFolder
from consilience.ground.folder import (
    forget_run,
    is_at_work,
    named_folder,
    replace_folder,
    require_writable,
    write_whole,
)


@strict_dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    recipe: str = "smoke"
    seed: int = 0


@dataclass
class Study:
    """Counts how often it is asked to measure."""

    calls: int = 0

    def __call__(self) -> Evidence:
        self.calls += 1
        return Evidence(measurements=(Measurement(name="calls", value=self.calls),))


def bound(path: Path, *, seed: int = 0, code: str = "", fresh: bool = False) -> RunFolder:
    folder = RunFolder(path, fresh=fresh, quiet=True)
    folder.bind("room", Config(seed=seed), lambda: code)
    return folder


def drawing() -> Canvas:
    canvas = Canvas(figsize=(3, 2))
    axes = canvas.subplots()
    axes.plot([0, 1], [0, 1], "o-")
    axes.set_xlabel("x")
    return canvas


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (path / "journal.jsonl").read_text().splitlines()]


def test_a_step_is_measured_once(tmp_path: Path) -> None:
    study = Study()
    first = bound(tmp_path).step("s", study)
    second = bound(tmp_path).step("s", study)
    assert (first, study.calls) == (second, 1)
    assert events(tmp_path) == ["step begins", "step ends", "step kept"]


def test_another_configuration_measures_again(tmp_path: Path) -> None:
    study = Study()
    bound(tmp_path).step("s", study)
    bound(tmp_path, seed=1).step("s", study)
    assert study.calls == 2


def test_fresh_measures_again_and_spares_what_is_not_its_own(tmp_path: Path) -> None:
    study = Study()
    bound(tmp_path).step("s", study)
    (tmp_path / "notes.txt").write_text("mine")
    bound(tmp_path, fresh=True).step("s", study)
    assert study.calls == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_a_run_at_work_leaves_is_not_forgotten(tmp_path: Path) -> None:
    folder = bound(tmp_path)
    with folder.at_work():
        folder.step("s", Study())
        with pytest.raises(InvalidInput, match="a run is at work"):
            bound(tmp_path, fresh=True)
        assert folder.kept("s") is not None
    bound(tmp_path, fresh=True)
    assert folder.kept("s") is None


def test_a_work_folder_that_lies_elsewhere_is_let_go_of(tmp_path: Path) -> None:
    (elsewhere := tmp_path / "large").mkdir()
    (elsewhere / "kept").touch()
    folder = bound(tmp_path / "run")
    (folder.path / "work").symlink_to(elsewhere)
    bound(folder.path, fresh=True)
    assert not (folder.path / "work").exists()
    assert (elsewhere / "kept").exists()


def test_forgetting_where_there_is_no_run_makes_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        forget_run(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_code_measured_that_changed_meanwhile_is_said(tmp_path: Path) -> None:
    told = iter(["old", "new", "old", "old"])
    folder = RunFolder(tmp_path, quiet=True)
    folder.bind("room", Config(), lambda: next(told))
    steps = [folder.finished(name, Study()) for name in ("edited", "back")]
    assert [folder.is_current(step) for step in steps] == [False, True]
    assert [step.versions["source"] for step in steps] == ["changed while it was measured", "old"]


def test_a_report_of_other_settings_does_not_stand_beside_new_steps(tmp_path: Path) -> None:
    folder = bound(tmp_path)
    folder.step("s", Study())
    folder.metric("loss", 1.0)
    folder.write("report.json", "{}")
    bound(tmp_path)
    assert (tmp_path / "report.json").exists()
    bound(tmp_path, seed=1)
    assert not (tmp_path / "report.json").exists()
    assert not (tmp_path / "metrics.jsonl").exists()
    assert bound(tmp_path).kept("s") is not None


@pytest.mark.parametrize("content", ["a = 1\n", "# of somebody else\n"])
def test_a_report_of_somebody_else_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.toml").write_text(content)
    (tmp_path / "report.json").write_text("mine")
    bound(tmp_path)
    assert (tmp_path / "report.json").read_text() == "mine"


def test_kept_evidence_knows_which_code_measured_it(tmp_path: Path) -> None:
    study = Study()
    before = bound(tmp_path, code="old").finished("s", study)
    after = bound(tmp_path, code="new")
    assert after.kept("s") == before
    assert not after.is_current(before)


def test_a_failing_study_leaves_no_step(tmp_path: Path) -> None:
    def broken() -> Evidence:
        raise ZeroDivisionError

    folder = bound(tmp_path)
    with pytest.raises(ZeroDivisionError):
        folder.step("s", broken)
    assert folder.kept("s") is None
    assert not (tmp_path / "steps").exists()


@pytest.mark.parametrize("text", ["", "{", '{"key": ""}'])
def test_a_damaged_step_is_measured_again(tmp_path: Path, text: str) -> None:
    study = Study()
    folder = bound(tmp_path)
    folder.write("steps/s.json", text)
    folder.step("s", study)
    assert study.calls == 1


def test_a_step_whose_picture_is_gone_is_measured_again(tmp_path: Path) -> None:
    folder = bound(tmp_path)

    def study() -> Evidence:
        return Evidence(figures=(folder.figure("p", drawing(), "A line."),))

    picture = folder.step("s", study).figures[0]
    (tmp_path / picture.file).unlink()
    assert folder.kept("s") is None


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="names in a run folder"):
        bound(tmp_path).step(name, Study())


def test_a_file_in_the_way_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(InvalidInput, match="is a file"):
        RunFolder(tmp_path / "runs")


def test_a_file_on_the_way_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(InvalidInput, match="Not a directory: give another with --runs"):
        RunFolder(tmp_path / "runs" / "coin" / "smoke-seed0")


def test_pictures_are_the_same_bytes(tmp_path: Path) -> None:
    folder = bound(tmp_path)
    first = (tmp_path / folder.figure("p", drawing(), "A line.").file).read_bytes()
    second = (tmp_path / folder.figure("p", drawing(), "A line.").file).read_bytes()
    assert first == second
    assert first.startswith(b"<?xml")


def test_settings_lie_beside_the_results(tmp_path: Path) -> None:
    bound(tmp_path, seed=5)
    assert (tmp_path / "config.toml").read_text() == '# room\nrecipe = "smoke"\nseed = 5\n'


def test_metrics_carry_their_tags(tmp_path: Path) -> None:
    folder = bound(tmp_path)
    folder.metric("gap", 0.5, gates=100)
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert (line["metric"], line["value"], line["gates"]) == ("gap", 0.5, 100)


def test_files_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_whole(tmp_path / "a" / "b.txt", "old")

    def full_disk(self: Path, data: bytes) -> int:
        self.open("wb").close()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.txt"]


def _folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "content").write_text(content)
    return path


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    require_writable(pipe, "--json")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, "through")
        assert os.read(reader, 99) == b"through"
        assert pipe.is_fifo()
    finally:
        os.close(reader)


def test_output_that_goes_to_a_file_keeps_what_was_printed(tmp_path: Path) -> None:
    code = (
        "from consilience.ground.folder import write_whole\nprint('before', flush=True)\n"
        "write_whole('/dev/stdout', 'between\\n')\nprint('after')"
    )
    with (tmp_path / "out").open("ab") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nbetween\nafter\n"


def test_a_link_keeps_leading_to_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "reports" / "today.json")
    require_writable(link, "--json")
    write_whole(link, "{}")
    assert link.is_symlink()
    assert (tmp_path / "reports" / "today.json").read_text() == "{}"


def test_what_could_not_be_written_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path, tmp_path / "file" / "report.json"):
        with pytest.raises(InvalidInput, match="--json must be a writable file"):
            require_writable(place, "--json")
    require_writable(tmp_path / "new" / "report.json", "--json")
    assert (tmp_path / "new").is_dir()
    monkeypatch.setattr(os, "access", lambda *_: False)  # whoever is root may write everywhere
    with pytest.raises(InvalidInput, match="nothing may be written to"):
        require_writable(tmp_path / "report.json", "--json")


def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for content in ("first", "second"):
        replace_folder(_folder(tmp_path / "aside", content), target)
        assert (target / "content").read_text() == content
        assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_the_earlier_folder_is_back_where_the_new_one_cannot_be_put(tmp_path: Path) -> None:
    target = _folder(tmp_path / "out", "earlier")
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "nowhere", target)
    assert (target / "content").read_text() == "earlier"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_folder_has_a_name_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert [named_folder(Path(path)) for path in (".", "..", "c")] == [Path.cwd(), Path.cwd().parent, Path("c")]
    (tmp_path / "link").symlink_to("a/b")
    assert named_folder(tmp_path / "link" / "..").name == "a"
    with pytest.raises(InvalidInput, match="that has a name; got /"):
        named_folder(Path("/"))


def test_who_measures_can_be_told_from_who_was_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from consilience.ground import RunFolder\n"
        "with RunFolder(sys.argv[1]).at_work(): print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as measuring:
        assert measuring.stdout is not None
        measuring.stdout.readline()
        before = is_at_work(tmp_path)
        measuring.kill()
    assert before
    assert not is_at_work(tmp_path)


def test_a_file_system_that_asks_for_the_right_to_read_or_write_gives_its_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Linux does on NFS: a shared lock needs what can be read, an exclusive one what can be written."""
    granted = fcntl.flock

    def strict(file: int | IO[str], wanted: int) -> None:
        mode = fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE
        if mode == (os.O_WRONLY if wanted & fcntl.LOCK_SH else os.O_RDONLY):
            raise OSError(errno.EBADF, "Bad file descriptor")
        granted(file, wanted)

    monkeypatch.setattr(fcntl, "flock", strict)
    with RunFolder(tmp_path).at_work():
        assert is_at_work(tmp_path)
    assert not is_at_work(tmp_path)


def test_nobody_works_where_there_is_no_run(tmp_path: Path) -> None:
    assert not is_at_work(tmp_path / "nowhere")


def test_a_pipe_in_the_place_of_a_journal_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    assert not is_at_work(tmp_path)


def test_two_may_work_in_a_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path).at_work():
        with RunFolder(tmp_path).at_work():
            pass
        assert is_at_work(tmp_path)

"""A kept run: what was asked for comes back; what is no run of this version is told apart."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consilience.dialogue.command.kept import KeptRun, Record, without_password
from consilience.dialogue.command.means import Means
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import InvalidInput


@dataclass(frozen=True)
class Order:
    """What a run of the test is to do."""

    task: str
    seed: int = 0


RECORD = Record(run="poem", order=Order("Write.", 3), means=Means(budget_usd=2.5))


def laid(path: Path, record: Record[Order] = RECORD) -> KeptRun[Record[Order]]:
    kept = KeptRun(path / "run", Record[Order])
    kept.lay(record)
    return kept


def test_what_was_asked_for_comes_back(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    assert kept.record() == RECORD
    assert kept.result() == {}
    kept.keep_result({"outcome": "done"})
    assert KeptRun(kept.path, Record[Order]).result() == {"outcome": "done"}


def test_what_belongs_to_it_is_there_before_it_counts_as_begun(tmp_path: Path) -> None:
    kept, seen = KeptRun(tmp_path / "run", Record[Order]), []
    kept.lay(RECORD, lambda: seen.append(kept.begun))
    assert seen == [False]
    assert kept.begun


def test_a_password_is_not_written_down(tmp_path: Path) -> None:
    address = "postgresql+psycopg://ada:secret@host:5432/db?sslmode=require"
    kept = laid(tmp_path, replace(RECORD, means=Means(journal=address)))
    assert "secret" not in (kept.path / "run.json").read_text()
    assert kept.record().means.journal == "postgresql+psycopg://ada@host:5432/db?sslmode=require"
    assert without_password("all@home:1.sqlite") == "all@home:1.sqlite"


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    kept.lay(replace(RECORD, means=Means()))
    with pytest.raises(InvalidInput, match="holds another run"):
        kept.lay(replace(RECORD, order=Order("Else.")))
    kept.require_same("poem")
    with pytest.raises(InvalidInput, match=f"go on with that by --resume {kept.path}"):
        kept.require_same("prose")
    assert kept.record().order == RECORD.order


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InvalidInput, match="--out must name a folder"):
        laid(tmp_path)
    with pytest.raises(InvalidInput, match="run is a file"):  # before anything is made
        KeptRun(tmp_path / "run", Record[Order]).require_same("poem")


@dataclass(frozen=True, kw_only=True)
class Signed(Record[Order]):
    """A record of a room that keeps more."""

    order: Order
    names: tuple[str, ...] = ()


def test_a_room_may_keep_more_and_reads_what_was_kept_before(tmp_path: Path) -> None:
    laid(tmp_path)
    kept = KeptRun(tmp_path / "run", Signed)
    assert kept.record() == Signed(run="poem", order=RECORD.order, means=RECORD.means)
    signed = replace(kept.record(), names=("Ada",))
    kept.lay(signed)
    assert kept.record() == signed


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 2}, "a run folder of version 2, and this program reads version 1"),
        ({"version": None}, "version None"),
        ({"order": {"task": 7}}, "must hold what a run was asked for; order.task"),
        ({"means": 3}, "must hold what a run was asked for; means"),
    ],
)
def test_a_record_of_another_form_is_told(tmp_path: Path, change: dict, complaint: str) -> None:
    kept = laid(tmp_path)
    path = kept.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InvalidInput, match=complaint):
        kept.record()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "no JSON"])
def test_what_is_no_record_is_told(tmp_path: Path, text: str) -> None:
    kept = laid(tmp_path)
    (kept.path / "run.json").write_text(text)
    with pytest.raises(InvalidInput, match="must be JSON with a version"):
        kept.record()


def test_a_result_that_is_no_json_is_told(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    (kept.path / "result.json").write_text("half")
    with pytest.raises(InvalidInput, match="run it again"):
        kept.result()


def test_what_happened_comes_back_and_is_nothing_before(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    assert kept.events() == []
    with Transcript(kept.transcript) as transcript:
        transcript.add("asked", "a")
    assert [(event.kind, event.element) for event in kept.events()] == [("asked", "a")]


def test_a_folder_of_files_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    place = kept.keep_files("program", {"main.py": "print(1)\n", "lib/two.py": "TWO = 2\n"})
    assert (place / "lib" / "two.py").read_text() == "TWO = 2\n"
    kept.keep_files("program", {"main.py": "half a \ud83d\n"})
    assert {path.name: path.read_text() for path in place.iterdir()} == {"main.py": "half a ?\n"}
    assert kept.keep_text("poem.md", "Roses\n\n").read_text() == "Roses\n"


def test_the_journal_is_in_the_folder_unless_told(tmp_path: Path) -> None:
    kept = KeptRun(tmp_path, Record[Order])
    assert kept.journal(Means()) == tmp_path / "journal.sqlite"
    assert kept.journal(Means(journal="postgresql://host/db")) == "postgresql://host/db"


@pytest.mark.parametrize("text", ["[1]", '"done"', "[" * 100_000, "{"])
def test_a_result_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    kept = laid(tmp_path)
    (kept.path / "result.json").write_text(text)
    with pytest.raises(InvalidInput, match="run it again to have it written anew"):
        kept.result()


def test_a_folder_of_ones_own_is_not_free(tmp_path: Path) -> None:
    kept = KeptRun(tmp_path, Record[Order], writes=("program",))
    (tmp_path / "notes.md").write_text("mine")
    kept.require_free()
    for name in ("program", "page.html"):
        (tmp_path / name).mkdir()
        with pytest.raises(InvalidInput, match=f"nothing lies that a run writes over; .* has {name}: name another"):
            kept.require_free()
        (tmp_path / name).rmdir()
    (tmp_path / "program").mkdir()
    (tmp_path / "journal.sqlite").touch()  # then a run was cut off there as it was laid down
    kept.require_free()


def test_of_a_journal_that_holds_nothing_of_the_run_that_is_said(tmp_path: Path) -> None:
    kept = laid(tmp_path)
    kept.replies(RECORD, "poet --resume run").close()
    with pytest.raises(InvalidInput, match=r"none has come yet, .* go on with: poet --resume run"):
        kept.replies(RECORD, "poet --resume run", replay_only=True)

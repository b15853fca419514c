"""A run of agents as its folder tells of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from consilience.studio import places
from consilience.studio.agents import AgentRun, is_written
from consilience.studio.places import Place


def looked(path: Path, name: str = "agent_networks/poem") -> AgentRun:
    return AgentRun(Place(path, name, "agents"))


def test_it_tells_order_state_and_what_was_spent(tmp_path: Path, make_agents) -> None:
    told = looked(make_agents(tmp_path / "poem"))
    assert (told.name, told.room, told.state) == ("poem", "agent_networks", "finished")
    assert told.task == "Write a poem about <b>the sea</b>."
    assert (told.done, told.elements) == (3, 3)
    assert told.spent == {"calls": 3, "input_tokens": 24, "output_tokens": 12, "usd": 0}
    assert told.notice.startswith("rehearsal")
    assert told.troubles == []


def test_without_a_result_it_was_cut_off(tmp_path: Path, make_agents) -> None:
    assert looked(make_agents(tmp_path / "poem", ended=False)).state == "interrupted"


def test_who_writes_the_journal_is_at_work_until_it_dies(tmp_path: Path, make_agents) -> None:
    path = make_agents(tmp_path / "poem", ended=False)
    script = (
        "import sys, time; from consilience.dialogue.journal import Journal\n"
        "with Journal.open(sys.argv[1], 'poem'): print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(path / "journal.sqlite")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        writing.stdout.readline()
        states = [looked(path).state]
        writing.kill()
    states.append(looked(path).state)
    assert states == ["running", "interrupted"]
    assert list(path.glob("*.lock"))  # what it left does not count
    (path / "journal.sqlite.other.lock").write_bytes(b"no database" * 99)
    assert not is_written(path)


def test_files_that_hold_something_else_are_said(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[]")
    (tmp_path / "result.json").write_text("{")
    (tmp_path / "transcript.jsonl").write_text("{}\n")
    told = looked(tmp_path)
    assert len(told.troubles) == 3
    assert (told.task, told.order, told.means, told.done, told.elements, told.journal) == ("", {}, {}, 0, 0, None)


def test_a_transcript_that_is_too_large_is_said_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MOST_BYTES", 2**20)
    (tmp_path / "transcript.jsonl").write_bytes(b"." * (2**20 + 1))
    assert looked(tmp_path).troubles == ["transcript.jsonl cannot be read: it is larger than 1 MiB"]


def test_a_transcript_that_is_a_link_or_no_file_is_said_and_not_read(tmp_path: Path) -> None:
    elsewhere, run = tmp_path / "elsewhere", tmp_path / "run"
    run.mkdir()
    elsewhere.write_text('{"id": "0", "at": 0, "kind": "asked"}\n')
    for target in (elsewhere, tmp_path / "absent"):
        (run / "transcript.jsonl").symlink_to(target)
        told = looked(run)
        assert (told.events, told.troubles) == ((), ["transcript.jsonl cannot be read: it is a link to another place"])
        (run / "transcript.jsonl").unlink()
    os.mkfifo(run / "transcript.jsonl")
    assert looked(run).troubles == ["transcript.jsonl cannot be read: it is no plain file"]


@pytest.mark.parametrize("line", ['{"id": "0", "at": 1' + "0" * 400 + ', "kind": "asked"}', "[" * 100_000])
def test_a_line_of_a_transcript_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "transcript.jsonl").write_text(line + "\n")
    (trouble,) = looked(tmp_path).troubles
    assert trouble.startswith("transcript.jsonl: ")
    assert "line 1 is none" in trouble


def test_odd_facts_break_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"order": 3, "means": None, "run": None}))
    event = {"id": "0", "at": 0, "kind": "replied", "element": "a", "facts": {"usd": "much", "input_tokens": None}}
    (tmp_path / "transcript.jsonl").write_text(json.dumps(event) + "\n")
    told = looked(tmp_path, "")
    assert told.spent["calls"] == 1
    assert (told.name, told.room, told.page) == (tmp_path.name, "", False)

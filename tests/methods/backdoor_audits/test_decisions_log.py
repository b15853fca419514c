"""The log is a chain: whoever changes it is seen."""

import json
import resource
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.decisions_log import FIRST, DecisionsLog, verify
from consilience.methods.backdoor_audits.guard import Call, Decision, Outcome

SECRET = "bob@example.com"


def written(path: Path, count: int = 4, **settings: bool) -> str:
    with DecisionsLog(path, policy="p", **settings) as log:
        for number in range(count):
            reason = f"no rule fits: 'named': to is {SECRET!r} and must be in the human's words"
            log.write(Call("mail", {"to": SECRET, "n": number}), Decision(Outcome.DENIED, "", reason), step=number)
        return log.head


def test_what_was_written_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log" / "d.jsonl"
    head = written(path)
    found = verify(path, head=head)
    assert (bool(found), found.lines, found.head) == (True, 4, head)
    assert written(path, 2) != head
    assert verify(path).lines == 6


def test_a_disk_that_is_full_for_a_moment_leaves_a_whole_log(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    call, decision = Call("mail", {"to": SECRET}), Decision(Outcome.DENIED, "", "no rule fits")
    with DecisionsLog(path) as log:
        log.write(call, decision)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
        try:
            with pytest.raises(OSError, match=r"No space left|File too large"):
                log.write(call, decision)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert verify(path).lines == 1
        log.write(call, decision)
    assert (bool(verify(path)), verify(path).lines) == (True, 2)


def test_arguments_are_digests_unless_they_may_be_read(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl")
    written(tmp_path / "b.jsonl", arguments=True)
    assert SECRET not in (tmp_path / "a.jsonl").read_text()
    assert SECRET in (tmp_path / "b.jsonl").read_text()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda lines: [lines[0].replace("denied", "allowed"), *lines[1:]], "line 1 was changed"),
        (lambda lines: [lines[0], lines[2], lines[3]], "line 2 does not follow"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "line 2 does not follow"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "line 1 does not follow"),
        (lambda lines: [*lines, "{\n"], "line 5 is no JSON"),
        (lambda lines: [*lines, "5\n"], "line 5 is no record"),
        (lambda lines: [*lines[:3], lines[3][:-9]], "line 4 is cut off"),
        (lambda lines: [lines[0], "\udcff\n"], "line 2 is no JSON"),
    ],
)
def test_what_was_changed_is_seen(tmp_path: Path, harm, told: str) -> None:
    path = tmp_path / "d.jsonl"
    written(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_bytes("".join(harm(lines)).encode("utf-8", "surrogateescape"))
    assert told in verify(path).wrong
    with pytest.raises(InvalidInput, match="cannot be gone on with"):
        DecisionsLog(path)


def test_an_end_that_is_cut_off_is_seen_with_the_head(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    head = written(path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    assert verify(path)
    assert "should end with" in verify(path, head=head).wrong


def test_a_line_that_was_written_anew_with_its_digest_breaks_the_next(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    written(path, 2)
    other = tmp_path / "other.jsonl"
    written(other, 1, arguments=True)
    path.write_text(other.read_text() + path.read_text().splitlines(keepends=True)[1])
    assert "line 2 does not follow" in verify(path).wrong


def test_what_is_no_json_is_written_all_the_same(tmp_path: Path) -> None:
    with DecisionsLog(tmp_path / "d.jsonl", arguments=True) as log:
        log.write(Call("x", {"a": object(), "b": float("nan"), "c": "\ud800"}), Decision(Outcome.ALLOWED, "r", ""))
    assert verify(tmp_path / "d.jsonl")
    assert json.loads((tmp_path / "d.jsonl").read_text())["arguments"]["a"] == "<object>"


def test_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must be a file"):
        verify(tmp_path / "none")
    with pytest.raises(InvalidInput, match="must be"):
        DecisionsLog(tmp_path)
    (tmp_path / "empty").touch()
    assert verify(tmp_path / "empty").head == FIRST

"""Files of others are read whole, and none that is too large."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits import reading
from consilience.methods.backdoor_audits.data_scan import run
from consilience.methods.backdoor_audits.guard_check import check_files
from consilience.methods.backdoor_audits.reading import content_of, lines_in
from consilience.methods.backdoor_audits.traces import read_traces
from consilience.methods.backdoor_audits.world import formats
from consilience.methods.backdoor_audits.world.formats import read


@dataclass(frozen=True)
class Scanning:
    file: Path
    reference: Path | None = None
    allow_broken: float = 0.0


def test_what_is_too_large_is_refused_before_it_is_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 100)
    large, policy = tmp_path / "large.jsonl", tmp_path / "p.toml"
    large.write_bytes(b"x" * 101)
    policy.write_text("policy = 1\n[tools.a]\n[[tools.a.allow]]", encoding="utf-8")
    for taken in (lambda: content_of(large, "rows"), lambda: check_files(policy, large), lambda: run(Scanning(large))):
        with pytest.raises(InvalidInput, match="split it"):
            taken()
    large.write_bytes(b"x" * 100)
    assert len(content_of(large, "rows")) == 100


def test_lines_end_where_lines_end() -> None:
    text = "\ufeff{}\r\n\u2028x\n".encode()
    assert lines_in(text) == ["{}\r", "\u2028x", ""]


def test_what_gzip_packed_is_unpacked_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rows.jsonl.gz"
    file.write_bytes(gzip.compress(b"{}\n" * 100))
    assert content_of(file, "rows") == b"{}\n" * 100
    monkeypatch.setattr(reading, "LARGEST", 299)
    with pytest.raises(InvalidInput, match="split it"):
        content_of(file, "rows")
    file.write_bytes(gzip.compress(b"{}")[:-9])
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        content_of(file, "rows")


def test_a_line_that_is_too_long_is_counted_with_its_reason_and_the_others_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = '{"messages": [{"role": "user", "content": "hello"}]}'
    monkeypatch.setattr(formats, "LONGEST_LINE", len(line))
    for found in (read([line, line + " ", line]), read_traces([line, line + " ", line])):
        assert len(found.rows) == 2
        assert [(one.line, one.why) for one in found.broken] == [(2, "53 characters, and a dialogue may have 52")]


def test_in_traces_too_lines_in_no_utf8_are_counted() -> None:
    line = b'{"messages": [{"role": "user", "content": "caf\xe9"}]}'
    assert [one.why for one in read_traces(lines_in(line)).broken] == ["not UTF-8"]


def test_lines_in_no_utf8_are_counted_and_utf16_is_named(tmp_path: Path) -> None:
    line = b'{"messages": [{"role": "user", "content": "caf\xe9"}]}'
    assert [one.why for one in read(lines_in(line)).broken] == ["not UTF-8"]
    file = tmp_path / "wide.jsonl"
    file.write_bytes("{}".encode("utf-16"))
    with pytest.raises(InvalidInput, match="UTF-16"):
        content_of(file, "rows")

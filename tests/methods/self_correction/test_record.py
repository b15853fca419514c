"""Lines of a trace: what is written is JSON, and reads back as it was."""

import json
from dataclasses import asdict

import pytest

from consilience.methods.self_correction.record import HEADER_LINE, Call, End, is_header, read_line

CALL = Call("q", 3, "answer", "0f", 5, 7, 0.25, text="four")


@pytest.mark.parametrize(
    "entry",
    [
        CALL,
        Call('quo"te\n', 0, "check", "", 0, 0, 0.0, text="\ud800 €\u2028"),
        Call("q", 1, "answer", "0f", 5, 0, 1.5, error="ValueError: \\"),
        Call("q", 1, "answer", "0f", 5, 0, 1.5, text=""),
        End("q", "max rounds", "1 of 1 rounds made", None),
    ],
)
def test_a_line_reads_back(entry: Call | End) -> None:
    line = entry.line()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert read_line(line.encode()) == entry
    assert json.loads(line) == {
        key: value for key, value in asdict(entry).items() if isinstance(entry, End) or value is not None
    }


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"7",
        b'{"item": "a"}',
        CALL.line().encode().replace(b'"call": ', b'"call": 0.'),
        b'{"item": [1], "end": "x", "words": "", "chosen": 0}',
        b'{"end": "x"}',
        CALL.line().encode()[:-9],
    ],
)
def test_what_is_no_line_is_told(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_line(line)


def test_headers_are_known() -> None:
    assert is_header(HEADER_LINE.encode())
    assert not is_header(CALL.line().encode())
    assert not is_header(b"trace")

"""Fenced blocks: those that a pattern finds, in time that grows with the text."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.work.fenced import fenced
from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.kinds.repository import files_of, without

PATTERN = re.compile(
    r"^(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=fence)[ \t]*\r?$", re.MULTILINE | re.DOTALL
)
PIECES = ("```", "````", "`", "\n", "\n\n", " ", "\r\n", "main.py", "python", "x = 1")


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_blocks_are_those_of_the_pattern(text: str) -> None:
    expected = [(match["info"], match["code"], match.start("fence"), match.end()) for match in PATTERN.finditer(text)]
    assert [(block.info, block.code, block.fence, block.end) for block in fenced(text)] == expected


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_what_stands_before_a_block_stands_there_and_is_of_no_other(text: str) -> None:
    end = 0
    for block in fenced(text):
        between = text[block.start : block.fence]
        assert end <= block.start <= block.fence
        assert between == "" or re.fullmatch(re.escape(block.before) + r"\n([ \t\r]*\n)?", between)
        assert "\n" not in block.before
        end = block.end


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("a.py\n```\nx\n```", ["a.py"]),
        ("a.py\n \n```\nx\n```", ["a.py"]),
        ("a.py\n\n\n```\nx\n```", [""]),
        ("```\nx\n```\n\n```\ny\n```", ["", ""]),
        ("```\nx\n```\nb.py\n```\ny\n```", ["", "b.py"]),
    ],
)
def test_the_line_before_is_one_empty_line_away_at_most(text: str, before: list[str]) -> None:
    assert [block.before for block in fenced(text)] == before


def test_blocks_that_follow_at_once_are_all_found() -> None:
    reply = "```python a.py\nx = 1\n```\n```python b.py\ny = 2\n```\n"
    assert files_of(reply) == {"a.py": "x = 1\n", "b.py": "y = 2\n"}
    assert without(reply, "a.py") == "\n```python b.py\ny = 2\n```\n"


@pytest.mark.parametrize("line", ["```python\n", "```\n````\n", "`" * 9 + "x\n", "```x\n\n", "`````\n"])
def test_fences_that_never_close_hold_up_nobody(line: str) -> None:
    text = line * 100_000
    began = time.process_time()
    files_of(text)
    without(text, "main.py")
    assert len(list(fenced(text))) <= 100_000
    assert time.process_time() - began < 20


def test_a_function_before_openings_is_read() -> None:
    artifact = Function(entry="f").read("```python\ndef f():\n    return 1\n```\n" + "```python\n" * 20_000)
    assert artifact.grade == 3

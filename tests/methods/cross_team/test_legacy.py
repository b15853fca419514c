"""The released rater: its order, and where it crashes."""

import pytest

from consilience.methods.cross_team.legacy import UNREAD, legacy_score

CLEAN = "x = 1\nprint(x)\n"


def test_running_outweighs_completeness_and_completeness_outweighs_stubs() -> None:
    idle = "def f():\n    pass\nprint(1)\n"
    best, stub, broken, both = (
        legacy_score({"main.py": text}, how).score
        for text, how in ((CLEAN, "done"), (idle, "done"), (CLEAN, "error"), (idle, "error"))
    )
    assert best > stub > broken > both
    assert (best, stub) == (110_000.0, 99_999.0)


def test_whoever_is_still_running_has_passed() -> None:
    assert legacy_score({"main.py": CLEAN}, "timeout") == legacy_score({"main.py": CLEAN}, "done")


def test_without_files_all_are_equal() -> None:
    assert legacy_score({}, "not started").score == UNREAD


@pytest.mark.parametrize(
    ("text", "crash"), [("x = (\ny\n", "SyntaxError"), ("print(1)\n", "IndentationError"), (CLEAN, "")]
)
def test_it_says_where_it_crashes(text: str, crash: str) -> None:
    assert legacy_score({"main.py": text}, "done").crash == crash

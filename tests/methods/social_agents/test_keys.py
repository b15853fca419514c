"""A key is made once, for its owner's eyes only, and is never replaced in silence."""

from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.keys import key_of, key_path


def test_it_is_made_once_and_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    database = str(tmp_path / "family.sqlite")
    key = key_of(database, make=True)
    path = key_path(database)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_of(database) == key_of(database, make=True) == key_of("elsewhere", path) == key
    assert key_of(str(tmp_path / "other.sqlite"), make=True) != key


@pytest.mark.parametrize("content", [None, "", "not hexadecimal", "ab" * 31, "é"])
def test_without_a_whole_one_there_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput, match="key"):
        key_of("x", path)


def test_one_that_is_broken_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("broken")
    with pytest.raises(InvalidInput):
        key_of("x", path, make=True)
    assert path.read_text() == "broken"

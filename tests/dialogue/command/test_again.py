"""A run again: means may change, what is to be done may not."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from consilience.dialogue.command.again import allowed, changed, placed, require_shared_journal, require_unchanged
from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput


@dataclass(frozen=True)
class Order:
    """What a run of the test is to do."""

    task: str = ""
    max_tokens: int | None = None


def test_only_what_was_given_counts_as_changed() -> None:
    assert changed(Order("x"), Order()) == {"task": "x"}
    assert changed(Order(), Order()) == {}


def test_what_is_not_given_stays_as_it_was() -> None:
    before = Means(budget_calls=7, attempts=2)
    assert allowed(before, None) == allowed(before, Means()) == before
    assert allowed(before, Means(budget_calls=9)) == Means(budget_calls=9, attempts=2)


def test_a_journal_in_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert placed(Means(journal="all.sqlite")).journal == str(tmp_path / "all.sqlite")
    assert placed(Means(journal="postgresql://host/db")).journal == "postgresql://host/db"
    assert placed(Means()).journal is None


def test_what_is_to_be_done_stays() -> None:
    was = Order("Write.", 10)
    require_unchanged(was, Order("Write."), Order())
    with pytest.raises(InvalidInput, match=r"the task was 'Write\.' and now is 'Read\.'"):
        require_unchanged(was, Order("Read."), Order())
    with pytest.raises(InvalidInput, match="--max-tokens was 10 and now is 11"):
        require_unchanged(was, Order(max_tokens=11), Order())


def test_several_processes_need_a_database() -> None:
    require_shared_journal(Means(journal="all.sqlite"))
    require_shared_journal(Means(engine="ray", journal="postgresql+psycopg://host/db"))
    for journal in (None, "all.sqlite", "postgresql.sqlite"):
        with pytest.raises(InvalidInput, match="--engine ray needs a journal"):
            require_shared_journal(Means(engine="ray", journal=journal))

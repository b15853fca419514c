"""A run again: means may change, what is to be done may not."""

from pathlib import Path

import pytest
from pydantic.dataclasses import dataclass

from consilience.dialogue.command.again import (
    allowed,
    begun,
    placed,
    require_model,
    require_shared_journal,
    require_unchanged,
)
from consilience.dialogue.command.flags import with_flags
from consilience.dialogue.command.means import Means
from consilience.ground import STRICT
from consilience.ground.errors import InvalidInput


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Order:
    """What a run of the test is to do."""

    task: str = ""
    """What."""
    max_tokens: int | None = None
    """How long."""
    seed: int = 0
    """Which."""


def test_what_is_not_given_stays_as_it_was() -> None:
    before = Means(budget_calls=7, attempts=2)
    assert allowed(before, None) == allowed(before, Means()) == before
    assert allowed(before, Means(budget_calls=9)) == Means(budget_calls=9, attempts=2)


def test_a_default_that_was_typed_is_given() -> None:
    seen = []
    verb = with_flags(Order, Means, positional="task")(lambda order, means: seen.append((order, means)) or 0)
    verb("", attempts=6, max_tokens=None, seed=0)
    order, means = seen[0]
    assert allowed(Means(budget_calls=7, attempts=2), means) == Means(budget_calls=7)
    require_unchanged(Order(max_tokens=3), order, order)
    with pytest.raises(InvalidInput, match="--seed was 3 and now is 0"):
        require_unchanged(Order(seed=3), order, order)


def test_a_journal_in_a_file_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert placed(Means(journal="all.sqlite")).journal == str(tmp_path / "all.sqlite")
    assert placed(Means(journal="postgresql://host/db")).journal == "postgresql://host/db"
    assert placed(Means()).journal is None


def test_what_is_to_be_done_stays() -> None:
    was = Order(task="Write.", max_tokens=10)
    require_unchanged(was, Order(task="Write."), Order(task="Write."))
    require_unchanged(was, Order(task="@file"), Order(task="Write."))
    with pytest.raises(InvalidInput, match=r"the task was 'Write\.' and now is 'Read\.'"):
        require_unchanged(was, Order(task="@file"), Order(task="Read."))
    with pytest.raises(InvalidInput, match="--max-tokens was 10 and now is 11"):
        require_unchanged(was, Order(max_tokens=11), Order(max_tokens=11))


def test_what_follows_from_what_was_given_stays_as_well() -> None:
    with pytest.raises(InvalidInput, match="--max-tokens was 10 and now is 11"):
        require_unchanged(Order(task="a", max_tokens=10), Order(task="a"), Order(task="a", max_tokens=11))


def test_several_processes_need_a_database() -> None:
    require_shared_journal(Means(journal="all.sqlite"))
    require_shared_journal(Means(engine="ray", journal="postgresql+psycopg://host/db"))
    for journal in (None, "all.sqlite", "postgresql.sqlite"):
        with pytest.raises(InvalidInput, match="--engine ray needs a journal"):
            require_shared_journal(Means(engine="ray", journal=journal))


def test_a_run_is_new_or_goes_on() -> None:
    def both(resume: str | None, out: str | None) -> tuple[str, Path | None]:
        return begun(
            lambda folder: ("new", folder),
            lambda folder: ("goes on", folder),
            resume=None if resume is None else Path(resume),
            out=None if out is None else Path(out),
        )

    assert both(None, None) == ("new", None)
    assert both(None, "a") == ("new", Path("a"))
    assert both("a", None) == ("goes on", Path("a"))
    with pytest.raises(InvalidInput, match="leave --out out"):
        both("a", "b")


@pytest.mark.parametrize("name", [None, ""])
def test_an_address_comes_with_a_name(name: str | None) -> None:
    require_model(None, name)
    require_model("http://localhost:8000/v1", "llama3")
    with pytest.raises(InvalidInput, match="--base-url must come with --model"):
        require_model("http://localhost:8000/v1", name)

"""Where a journal's rows lie: what is the same for every database.

A store has one connection that writes and one that reads, statements that were written once, and a memory of the texts
it met lately. What differs between databases (how a transaction begins, how texts are numbered, who may hold a run, how
forgotten bytes are wiped) is left to its two kinds.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, ClassVar

from sqlalchemy import Dialect

from consilience.dialogue.history import Artifact, Call, RunFacts
from consilience.dialogue.messages import Question, Reply, Settings, Usage
from consilience.dialogue.packing import packed_texts, unpack
from consilience.dialogue.rows import FINISHES, ArtifactRow, CallRow, Row, UnansweredRow, now_ms
from consilience.dialogue.tables import CALL_COLUMNS, FORM, VERSION, Statements
from consilience.dialogue.texts import decoded, digest, encoded, kept
from consilience.ground.errors import InvalidInput

__all__ = ["Store"]

MOST_TEXTS = 4096
"""Texts whose numbers are remembered; those of a prompt's frame come back in every call."""

MOST_CHARACTERS = 8_000_000
"""Length of all the texts that are remembered."""

PAGE = 1000
"""Calls that are read at once."""


class Store(ABC):
    """The rows of a journal in one database.

    Parameters
    ----------
    place
        How messages call it; without a password.
    dialect
        The database's words.
    """

    inline: ClassVar[bool]
    """Whether to commit takes microseconds and waits for nobody, so that the event loop does it itself."""
    shared: ClassVar[bool]
    """Whether several processes add to one run."""
    checkpoint_due = False
    """Whether `checkpoint` ought to be called soon, by another thread."""
    checkpoint_overdue = False
    """Whether it ought to be called now."""

    def __init__(self, place: str, dialect: Dialect) -> None:
        self.place = place
        self._say = Statements(dialect)
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._characters = 0
        self._runs: dict[str, int] = {}
        self._forgotten = ""
        self._counts_unanswered = True

    # What differs between databases.

    @abstractmethod
    def claim(self, run: str) -> None:
        """Take the run for this process; `JournalLocked` when another one has it and it cannot be shared."""

    @abstractmethod
    def forget(self, run: str) -> None:
        """Delete a run and the texts that nobody else uses, to the byte."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and runs; twice does no harm."""

    @abstractmethod
    def _explained(self) -> Any:
        """Return a context in which the database's errors become ours."""

    @abstractmethod
    def _transaction(self, wait_s: float) -> Any:
        """Return a context that gives a cursor within a transaction, committed at the end."""

    @abstractmethod
    def _select(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Read on the reading connection."""

    @abstractmethod
    def _keep_texts(self, cursor: Any, texts: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Add the texts that are not there and return the number of each."""

    @abstractmethod
    def _first_of_each(self, cursor: Any, statement: str, values: Sequence[Sequence[Any]]) -> list[Any]:
        """Run a query once for each of the values and return the first row of each, or None."""

    @abstractmethod
    def checkpoint(self) -> None:
        """Bring what was committed to its last place, where the database does not do so by itself."""

    # Writing.

    def write(self, run: str, rows: Sequence[Row], wait_s: float = 30.0) -> list[bool]:
        """Commit rows in one transaction.

        Parameters
        ----------
        run
            Where they belong; it begins with its first row.
        rows
            Calls, artifacts and attempts without a reply, in the order they happened.
        wait_s
            How long to wait for somebody else who writes.

        Returns
        -------
        list of bool
            Whether each row stands: False for a reply whose question somebody had answered before, otherwise.

        Raises
        ------
        JournalUnavailable
            When nothing was written.
        """
        calls = [row for row in rows if isinstance(row, CallRow)]
        artifacts = [row for row in rows if isinstance(row, ArtifactRow)]
        unanswered = [row for row in rows if isinstance(row, UnansweredRow)]
        with self._transaction(wait_s) as cursor:
            number = self._number_of(cursor, run)
            self._learn(cursor, chain.from_iterable(row.texts() for row in rows))
            lost = self._write_calls(cursor, number, calls) if calls else set()
            if artifacts:
                self._write_artifacts(cursor, number, artifacts)
            if unanswered:
                self._write_unanswered(cursor, number, unanswered)
        return [id(row) not in lost for row in rows] if lost else [True] * len(rows)

    def _write_calls(self, cursor: Any, run: int, rows: Sequence[CallRow]) -> set[int]:
        values = [row.values(run, self._numbers) for row in rows]
        if len(values) == 1:
            cursor.execute(self._say.keep_call, values[0])
        else:
            cursor.executemany(self._say.keep_call, values)
        if cursor.rowcount == len(rows):
            return set()
        keys = [(run, row.key) for row in rows]
        standing = self._first_of_each(cursor, self._say.number_of_reply, keys)
        return {
            id(row)
            for row, found in zip(rows, standing, strict=True)
            if found is None or found[0] != self._numbers[row.reply.text]
        }

    def _write_artifacts(self, cursor: Any, run: int, rows: Sequence[ArtifactRow]) -> None:
        elements = dict.fromkeys(row.element for row in rows)
        found = self._first_of_each(cursor, self._say.last_artifact, [(run, element) for element in elements])
        last = {element: row and tuple(row) for element, row in zip(elements, found, strict=True)}
        new = []
        for row in rows:
            values = row.values(run, self._numbers)
            if last[row.element] != values[2:6]:
                last[row.element] = values[2:6]
                new.append(values)
        if new:
            cursor.executemany(self._say.keep_artifact, new)

    def _write_unanswered(self, cursor: Any, run: int, rows: Sequence[UnansweredRow]) -> None:
        tokens = sum(row.usage.input_tokens + row.usage.output_tokens for row in rows)
        usd = sum(row.usage.usd for row in rows)
        cursor.execute(self._say.keep_unanswered, (run, len(rows), tokens, usd, rows[-1].ended_ms))

    def _number_of(self, cursor: Any, run: str) -> int:
        number = self._runs.get(run)
        if number is None:
            cursor.execute(self._say.keep_run, (run, now_ms(), None))
            cursor.execute(self._say.find_run, (run,))
            number = self._runs[run] = cursor.fetchone()[0]
        return number

    def _learn(self, cursor: Any, texts: Iterable[str]) -> None:
        numbers = self._numbers
        wanted = list(dict.fromkeys(texts))
        new = [text for text in wanted if text not in numbers]
        if not new:
            return
        length = sum(map(len, new))
        if len(numbers) + len(new) > MOST_TEXTS or self._characters + length > MOST_CHARACTERS:
            numbers.clear()
            new, self._characters = wanted, 0
            length = sum(map(len, new))
        self._characters += length
        bodies = [encoded(text) for text in new]
        numbers.update(zip(new, self._keep_texts(cursor, [(digest(body), kept(body)) for body in bodies]), strict=True))

    def _trust(self, times_forgotten: str) -> None:
        """Drop the numbers that are remembered if something was forgotten since: they may be used again."""
        if times_forgotten != self._forgotten:
            self._drop_numbers()
            self._forgotten = times_forgotten

    def _drop_numbers(self) -> None:
        self._numbers.clear()
        self._runs.clear()
        self._characters = 0

    def fork(self, run: str, new_run: str, without: Callable[[str], bool]) -> int:
        """Copy the rows of a run to a new one, but for the elements left out, and return how many calls that were."""
        with self._transaction(30.0) as cursor:
            cursor.execute(self._say.find_run, (new_run,))
            if cursor.fetchone() is not None:
                raise InvalidInput(f"a fork must have a name of its own; run {new_run!r} is already in {self.place}.")
            cursor.execute(self._say.find_run, (run,))
            source = cursor.fetchone()[0]
            cursor.execute(self._say.keep_run, (new_run, now_ms(), run))
            cursor.execute(self._say.find_run, (new_run,))
            target = cursor.fetchone()[0]
            out = lru_cache(maxsize=None)(without)
            cursor.execute(self._say.asked_and_answered, (source,))
            calls = [(target, row[0]) for row in cursor.fetchall() if not out(row[1])]
            cursor.execute(self._say.made, (source,))
            made = [(target, row[0]) for row in cursor.fetchall() if not out(row[1])]
            for statement, values in ((self._say.copy_call, calls), (self._say.copy_artifact, made)):
                if values:
                    cursor.executemany(statement, values)
        return len(calls)

    def _forget_rows(self, cursor: Any, run: int) -> None:
        for statement in self._say.forget_run:
            cursor.execute(statement, (run,))
        cursor.execute(self._say.texts_of_calls)
        used: set[int] = set()
        for *texts, parts in cursor:
            used.update(texts)
            used.update(packed_texts(parts))
        cursor.execute(self._say.texts_of_artifacts)
        for texts in cursor:
            used.update(texts)
        cursor.execute(self._say.numbers_of_texts)
        unused = [(number,) for (number,) in cursor.fetchall() if number not in used]
        if unused:
            cursor.executemany(self._say.forget_text, unused)
        cursor.execute(self._say.times_forgotten)
        cursor.execute(self._say.forget_once_more, (str(int(cursor.fetchone()[0]) + 1),))
        self._drop_numbers()

    def _make(self, cursor: Any) -> None:
        for statement in self._say.create:
            cursor.execute(statement)
        for fact in (("form", FORM), ("version", VERSION), ("forgotten", "0")):
            cursor.execute(self._say.keep_fact, fact)

    def _recognise(self, facts: dict[str, str]) -> None:
        if facts.get("form") != FORM:
            raise InvalidInput(f"{self.place} must be a journal; it is another database: name a new file.")
        if facts.get("version") != VERSION:
            raise InvalidInput(
                f"{self.place} must be a journal of version {VERSION}; it is of version {facts.get('version')}: "
                "read it with the release that wrote it, or begin a new journal."
            )

    # Reading.

    def number(self, run: str) -> int | None:
        """Return the number of a run, or None where there is none of that name."""
        found = self._select(self._say.find_run, (run,))
        return found[0][0] if found else None

    def runs(self) -> tuple[RunFacts, ...]:
        """Return every run, in the order they began."""
        say = self._say
        rows = self._select(say.all_runs if self._counts_unanswered else say.all_runs_before, ())
        return tuple(
            RunFacts(
                name,
                began_ms / 1e3,
                forked_from,
                calls,
                artifacts,
                int(asked),
                int(answered),
                float(usd),
                int(attempts),
                int(tokens),
                float(vain_usd),
            )
            for name, began_ms, forked_from, calls, artifacts, asked, answered, usd, attempts, tokens, vain_usd in rows
        )

    def keys(self, run: int) -> set[bytes]:
        """Return the keys of everything that is answered in a run."""
        return {row[0] for row in self._select(self._say.keys, (run,))}

    def reply(self, run: int, key: bytes) -> Reply | None:
        """Return what was answered, or None."""
        found = self._select(self._say.reply, (run, key))
        if not found:
            return None
        text, model, asked, answered, usd, finish, latency_us, priced = found[0]
        return Reply(
            text=decoded(text),
            model=decoded(model),
            usage=Usage(asked, answered, usd),
            finish=FINISHES[finish],
            latency_s=latency_us / 1e6,
            priced=bool(priced),
            replayed=True,
        )

    def calls(self, run: int) -> Iterator[Call]:
        """Iterate over the calls of a run in the order they were kept, holding no transaction in between."""
        after = -1
        while rows := self._select(self._say.calls_after, (run, after, PAGE)):
            texts: dict[int, str] = {}
            for number, *values in rows:
                if len(texts) > MOST_TEXTS:
                    texts.clear()
                yield self._call(dict(zip(CALL_COLUMNS, values, strict=True)), texts)
                after = number

    def _call(self, row: dict[str, Any], texts: dict[int, str]) -> Call:
        for number in (row["asked"], row["settings"], row["reply"], row["answered"], *packed_texts(row["parts"])):
            if number not in texts:
                texts[number] = decoded(self._select(self._say.text, (number,))[0][0])
        settings = Settings(**json.loads(texts[row["settings"]]))
        question = Question(row["element"], unpack(row["parts"], texts), settings, row["occurrence"])
        reply = Reply(
            text=texts[row["reply"]],
            model=texts[row["answered"]],
            usage=Usage(row["input_tokens"], row["output_tokens"], row["usd"]),
            finish=FINISHES[row["finish"]],
            latency_s=row["latency_us"] / 1e6,
            priced=bool(row["priced"]),
            replayed=True,
        )
        return Call(bytes(row["key"]), question, texts[row["asked"]], reply, row["ended_ms"] / 1e3)

    def answers(self, run: int) -> dict[bytes, tuple[str, int, bytes]]:
        """Return element, number and digest of the reply under each key."""
        rows = self._select(self._say.asked_and_answered, (run,))
        return {bytes(key): (element, reply, bytes(mark)) for _, element, key, reply, mark in rows}

    def standing(self, run: int) -> dict[str, int]:
        """Return the number of the artifact's row that stands for each element."""
        return {element: row for row, element, _ in self._select(self._say.made, (run,))}

    def standing_of(self, run: int, element: str) -> int | None:
        """Return the number of the row that stands for one element, or None."""
        return self._select(self._say.number_of_artifact, (run, element))[0][0]  # type: ignore[no-any-return]

    def artifact(self, row: int) -> Artifact:
        """Return the artifact of a row."""
        element, text, mark, parents, kind, note = self._select(self._say.artifact, (row,))[0]
        return Artifact(element, decoded(text), bytes(mark), tuple(json.loads(parents)), decoded(kind), note)

    def text(self, number: int) -> str:
        """Return a text by its number."""
        return decoded(self._select(self._say.text, (number,))[0][0])

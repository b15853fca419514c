"""Introductions: somebody asks a contact to bring them together with a third, and both of these have to agree.

Whoever asks names the third by handle. By asking they learn neither whether there is somebody of that handle nor
whether the contact knows them: all that they see is that it waits, and what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text, delete, insert, or_, select
from sqlalchemy import update as updated

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.records import Person, from_us, to_us
from consilience.methods.social_agents.store import Store

__all__ = ["LONGEST_NOTE", "Introduction", "Introductions", "Step"]

Step = Literal["asked", "passed on", "met", "declined", "withdrawn"]
"""How far it is: it waits for the contact, it waits for the third, or what came of it."""
LONGEST_NOTE = 300
"""Characters of what is said with it."""
MOST_OPEN = 20
"""Introductions that one person waits for."""
_OPEN: tuple[Step, ...] = ("asked", "passed on")

_METADATA = MetaData()
_Whole = BigInteger().with_variant(Integer(), "sqlite")
_introduction = Table(
    "introduction",
    _METADATA,
    Column("id", _Whole, primary_key=True),
    Column("asker", _Whole, nullable=False, index=True),
    Column("via", _Whole, nullable=False, index=True),
    Column("wanted", String(64), nullable=False),
    Column("third", _Whole, index=True),
    Column("note", Text, nullable=False),
    Column("step", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Introduction:
    """A wish to meet somebody."""

    id: int
    asker: int
    via: int
    """Number of the contact who is to introduce them."""
    wanted: str
    """Handle of the third, as the asker gave it."""
    third: int | None
    """Number of the third, once the contact has agreed; before, nobody is."""
    note: str
    """What the asker says with it; the contact and the third read it."""
    step: Step
    at: datetime

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.step not in _OPEN

    @property
    def decides(self) -> int | None:
        """Number of the person whose word is waited for."""
        return {"asked": self.via, "passed on": self.third}.get(self.step)


class Introductions:
    """The introductions of a store's people.

    Parameters
    ----------
    store
        Where they are kept.
    clock
        Gives the time.
    """

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._clock = clock
        with store.writing() as connection:
            make(connection, _METADATA)

    def ask(self, asker: Person, via: Person, wanted: str, note: str = "") -> Introduction:
        """Ask a contact for it; asking again for the same while it waits changes nothing.

        Raises
        ------
        InvalidInput
            When the asker waits for too many, the note is too long, or nobody is named.
        """
        wanted, note = wanted.strip().casefold()[:64], note.strip()
        if not wanted or wanted in (asker.handle.casefold(), via.handle.casefold()):
            raise InvalidInput(f"an introduction must be to a third person; got {wanted!r}")
        if len(note) > LONGEST_NOTE:
            raise InvalidInput(f"a note has at most {LONGEST_NOTE} characters; got {len(note):,}")
        waiting = [one for one in self.of(asker) if one.asker == asker.id and not one.over]
        for one in waiting:
            if (one.via, one.wanted) == (via.id, wanted):
                return one
        if len(waiting) >= MOST_OPEN:
            raise InvalidInput(f"{MOST_OPEN} introductions at once are the most; withdraw one")
        row: dict[str, Any] = {
            "asker": asker.id,
            "via": via.id,
            "wanted": wanted,
            "third": None,
            "note": note,
            "step": "asked",
            "at": to_us(self._clock()),
        }
        with self._store.writing() as connection:
            made = connection.execute(insert(_introduction).values(row)).inserted_primary_key
        return _read({"id": made[0] if made else 0, **row})

    def find(self, number: int) -> Introduction | None:
        """Return one; None where there is none."""
        found = self._all(select(_introduction).where(_introduction.c.id == number))
        return found[0] if found else None

    def of(self, person: Person) -> list[Introduction]:
        """Return those that somebody sees: their own, those they were asked for, those in which they are the third."""
        its = _introduction.c
        seen = or_(its.asker == person.id, its.via == person.id, its.third == person.id)
        return self._all(select(_introduction).where(seen).order_by(its.id.desc()).limit(200))

    def waiting(self, person: Person) -> list[Introduction]:
        """Return those in which somebody's word is waited for."""
        return [one for one in self.of(person) if one.decides == person.id]

    def pass_on(self, one: Introduction, third: Person) -> bool:
        """Let the contact agree, and the third be asked; return whether it still waited for the contact."""
        return self._move(one, "passed on", ("asked",), third=third.id)

    def meet(self, one: Introduction) -> bool:
        """Let the third agree; return whether it still waited for them."""
        return self._move(one, "met", ("passed on",))

    def decline(self, one: Introduction) -> bool:
        """Let whoever is asked now not agree; return whether it still waited."""
        return self._move(one, "declined", (one.step,) if one.step in _OPEN else ())

    def withdraw(self, one: Introduction) -> bool:
        """Let the asker take it back; return whether it still waited."""
        return self._move(one, "withdrawn", _OPEN)

    def end(self, person: Person, other: Person | None = None) -> None:
        """End all that waits and that somebody has a part in, or that they and one other have."""
        for one in self.of(person):
            if other is None or other.id in (one.asker, one.via, one.third):
                self.withdraw(one)

    def forget(self, person: Person) -> None:
        """Delete all that somebody has a part in."""
        its = _introduction.c
        with self._store.writing() as connection:
            seen = or_(its.asker == person.id, its.via == person.id, its.third == person.id)
            connection.execute(delete(_introduction).where(seen))

    def _move(self, one: Introduction, step: Step, out_of: Iterable[Step], **more: int) -> bool:
        its = _introduction.c
        change = updated(_introduction).where(its.id == one.id, its.step.in_(tuple(out_of)))
        with self._store.writing() as connection:
            return connection.execute(change.values(step=step, **more)).rowcount == 1

    def _all(self, wanted: Any) -> list[Introduction]:
        with self._store.reading() as connection:
            return [_read(row._mapping) for row in connection.execute(wanted)]  # noqa: SLF001  an attribute of rows


def _read(row: Any) -> Introduction:
    return Introduction(
        row["id"],
        row["asker"],
        row["via"],
        row["wanted"],
        row["third"],
        row["note"],
        cast("Step", row["step"]),
        from_us(row["at"]),
    )

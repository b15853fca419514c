"""Bringing in and taking away at the command line: what comes into a database, and what is forgotten of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.app.tasks import Task, Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.erasing import Erased, erase_messages, erase_person
from consilience.methods.social_agents.flags import Forgetting, Importing
from consilience.methods.social_agents.importing import import_file
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.places import require_there
from consilience.methods.social_agents.store import Store

__all__ = ["bring", "take_away"]

_IN_CONVERSATION = text("SELECT id FROM message WHERE conversation = :conversation ORDER BY id")
_READERS = text("SELECT owner FROM visibility WHERE message = :message")
_COPY = text("INSERT INTO person (handle, name, card) VALUES (:handle, :name, '')")
_READ_BY = text("SELECT COUNT(*) FROM visibility WHERE owner = :owner")


def bring(importing: Importing) -> Iterator[str]:
    """Bring an export in, or say what would happen; give in words what did."""
    if not importing.file.exists():
        raise InvalidInput(f"FILE must be an export that is there; {importing.file} is not")
    with _opened(importing) as store:
        made = _person(store, importing)
        done = import_file(
            store,
            importing.file,
            importing.as_,
            form=importing.form,
            zone=importing.zone,
            dates=importing.dates,
            title=importing.title,
            me=importing.me,
            merge=_pairs(importing.merge),
            dry_run=importing.dry_run,
        )
        if made:
            told = (
                "would be new"
                if importing.dry_run
                else "is new; invite them with that handle, so that they can sign in"
            )
            yield f"{importing.as_} {told}"
        yield from done.plan.lines()
        would = "would be " if importing.dry_run else ""
        yield (
            f"{done.new:,} {would}added, {done.known:,} known, {done.edited:,} {would}edited, "
            f"{done.taken_back:,} {would}taken back"
        )


def take_away(forgetting: Forgetting) -> Iterator[str]:
    """Forget, or say what would be forgotten; give in words what was."""
    require_there(forgetting.database, "DATABASE")
    with Store.open(forgetting.database) as store:
        if not forgetting.yes:
            yield f"{_counted(store, forgetting):,} messages would be forgotten; say --yes to do it"
            return
        audit = AuditLog(store, key=key_of(forgetting.database, forgetting.key_file, make=True))
        yield from _receipt(_forgotten(store, forgetting, audit))


def _forgotten(store: Store, forgetting: Forgetting, audit: AuditLog) -> Erased:
    tasks = Tasks(store)
    if forgetting.person is not None:
        person = store.person(forgetting.person)
        _end(tasks, tasks.not_over(person))
        return erase_person(store, person, audit=audit, tasks=tasks)
    conversation = forgetting.conversation
    numbers = list(forgetting.message) if conversation is None else _in_conversation(store, conversation)
    readers = [store.person(number) for number in _readers(store, numbers)]
    _end(tasks, (task for one in readers for task in tasks.not_over(one) if task.standing != "invited"))
    return erase_messages(store, numbers, audit=audit, tasks=tasks, conversation=conversation)


def _end(tasks: Tasks, under_way: Iterable[Task]) -> None:
    """End tasks, a server's too: their talks would keep again what they have read."""
    for task in under_way:
        tasks.end(task, "it was stopped where something was to be forgotten")


def _receipt(erased: Erased) -> Iterator[str]:
    receipt = erased.receipt
    yield f"forgotten: {receipt.what}, at {receipt.at:%Y-%m-%d %H:%M:%S} UTC"
    yield from (f"  {line}" for line in erased.lines())
    yield f"nothing of them is left in the files; receipt {receipt.digest}"


def _counted(store: Store, forgetting: Forgetting) -> int:
    if forgetting.person is not None:
        owner = store.person(forgetting.person).id
        with store.reading() as connection:
            return int(connection.execute(_READ_BY, {"owner": owner}).scalar_one())
    if forgetting.conversation is not None:
        return len(_in_conversation(store, forgetting.conversation))
    return len(set(forgetting.message))


def _in_conversation(store: Store, conversation: int) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(_IN_CONVERSATION, {"conversation": conversation}).scalars())


def _readers(store: Store, numbers: Sequence[int]) -> set[int]:
    """Return who may read any of some messages, by number."""
    with store.reading() as connection:
        found = (connection.execute(_READERS, {"message": number}).scalars() for number in numbers)
        return {reader for readers in found for reader in readers}


@contextmanager
def _opened(importing: Importing) -> Iterator[Store]:
    """Give the database; for a look at what somebody new would have, its people in one that goes when it ends."""
    database = importing.database
    there = "://" in database or Path(database).exists()
    if not importing.dry_run:
        with Store.open(database) as store:
            yield store
        return
    with ExitStack() as stack:
        people = []
        if there:
            store = stack.enter_context(Store.open(database))
            people = store.people(imported=True)
            if any(one.handle == importing.as_ for one in people):
                yield store
                return
        tried = stack.enter_context(Store.open(":memory:"))
        with tried.writing() as connection:  # as they are there, whatever their handles could not be today
            for one in people:
                connection.execute(_COPY, {"handle": one.handle, "name": one.name or one.handle})
        yield tried


def _person(store: Store, importing: Importing) -> bool:
    """Add the person of an import if they are new and that was said; return whether."""
    try:
        store.person(importing.as_)
    except UnknownName as error:
        if importing.name is None:
            raise InvalidInput(
                f"--as must be the handle of somebody in {importing.database}; {importing.as_!r} is not: to add them, "
                "say their --name"
            ) from error
        store.add_person(importing.as_, importing.name)
        return True
    return False


def _pairs(given: tuple[str, ...]) -> Mapping[str, str]:
    pairs = [one.rpartition("=") for one in given]
    for author, _, person in pairs:
        if not author or not person:
            raise InvalidInput(f"--merge must read AUTHOR=PERSON; got {author or person!r}")
    return {author: person for author, _, person in pairs}

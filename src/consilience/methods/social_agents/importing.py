"""Importing: what was read from an export comes into the memory of whoever brought it, and into no other.

An import is planned first, and the plan shows what would happen. Doing it twice adds nothing; what was edited or taken
back since the last time is changed. When it is broken off half-way, doing it again brings the rest.

Nothing is kept of an import but its messages: a message's source names form, owner and conversation, and from these it
is found out what is known already and who is who. So what is forgotten leaves no trace here either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from consilience.methods.social_agents.embedding import EmbeddingFailed
from consilience.methods.social_agents.identities import Identity, Known, identify
from consilience.methods.social_agents.importers import Export, Form, Said, Skipped, Thread, read
from consilience.methods.social_agents.importers.whatsapp import DateOrder
from consilience.methods.social_agents.records import NewMessage, Person, Receipt, StoreLocked, StoreUnavailable, to_us
from consilience.methods.social_agents.store import Store, Who
from consilience.methods.social_agents.words import kept

__all__ = ["Imported", "Plan", "Threaded", "bring_in", "forget_imports", "import_file", "prepare"]

MOST_LISTENERS = 16
"""Authors of a conversation up to whom each is taken to have read it all; of larger ones each read what they wrote."""
MOST_CHARACTERS = 4_000_000
"""Characters of a message; a longer one is skipped."""
_GLOBAL: frozenset[Form] = frozenset({"telegram", "slack", "mbox"})
"""Forms whose keys mean one message everywhere; those of others mean one within a conversation."""
_EVER = datetime.min.replace(tzinfo=UTC)

_KNOWN = text(
    "SELECT m.id, m.conversation, m.sender, m.source, m.source_id, m.text FROM message m "
    "JOIN visibility v ON v.message = m.id AND v.owner = :owner WHERE m.source LIKE :begins ORDER BY m.id"
)
_EDITED = text(
    "SELECT e.message, MAX(e.until) FROM version e JOIN message m ON m.id = e.message WHERE m.source LIKE :begins "
    "GROUP BY e.message"
)
_HEARD = text("SELECT DISTINCT sender FROM visibility WHERE owner = :owner")
_MEMBERS = text("SELECT DISTINCT person FROM membership WHERE conversation = :conversation")
_IMPORTED = text("SELECT DISTINCT conversation FROM message WHERE source LIKE :begins ORDER BY conversation")


@dataclass(frozen=True, slots=True)
class _Row:
    """A message of an earlier import."""

    id: int
    conversation: int
    sender: int
    source: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Threaded:
    """What would become of a conversation of an export."""

    thread: Thread
    """As it was read."""
    conversation: int | None
    """Where its messages go; None where a conversation is made for them."""
    new: tuple[Said, ...]
    """Messages to add."""
    known: int
    """Messages that are there."""
    edits: tuple[tuple[int, Said], ...] = ()
    """Numbers of messages that say something else since, and what."""
    taken_back: tuple[tuple[int, Said], ...] = ()
    """Numbers of messages that their authors took back since."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do; making it changes nothing."""

    export: Export
    """What was read."""
    owner: Person
    """Into whose memory it comes."""
    people: tuple[Identity, ...]
    """Who the authors are."""
    threads: tuple[Threaded, ...]
    """What becomes of the conversations."""
    skipped: tuple[Skipped, ...]
    """What does not come along, and why."""
    shared_with: tuple[Person, ...] = ()
    """Who reads it too."""

    def lines(self) -> Iterator[str]:
        """Give in words what would happen, a line at a time, without a word of what was said."""
        yield f"{len(self.export.messages):,} messages of {self.export.form} for {self.owner.handle}"
        for each in self.people:
            yield f"  {each.author} is {each.name} ({each.handle}, {each.how})"
        for some in self.threads:
            place = "new" if some.conversation is None else f"conversation {some.conversation}"
            changed = f", {len(some.edits)} edited, {len(some.taken_back)} taken back"
            yield f"  {some.thread.title} ({place}): {len(some.new):,} new, {some.known:,} known{changed}"
        for reason, count in Counter(each.reason for each in self.skipped).most_common():
            yield f"  skipped {count:,}: {reason}"
        yield from (f"  note: {note}" for note in self.notes())

    def notes(self) -> Iterator[str]:
        """Give what one should know before it is done."""
        yield from self.export.notes
        if self.export.cut_off:
            yield "the export is cut off; all that is whole in it was read"
        if not any(each.how == "owner" for each in self.people):
            yield f"none of the authors is {self.owner.handle}; if one of them is, say who"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do."""

    plan: Plan
    """As it was planned."""
    new: int
    """Messages that were added."""
    known: int
    """Messages that were there."""
    edited: int
    """Messages that say something else now."""
    taken_back: int
    """Messages that are empty now."""
    dry_run: bool
    """Whether nothing was changed."""


def import_file(
    store: Store,
    path: str | Path,
    owner: Who,
    *,
    form: Form | None = None,
    zone: str = "UTC",
    title: str = "",
    dates: DateOrder = "auto",
    columns: Mapping[str, str] | None = None,
    me: str = "",
    merge: Mapping[str, str] | None = None,
    shared_with: Sequence[Who] = (),
    dry_run: bool = False,
) -> Imported:
    """Read an export and bring it in, or say what would happen.

    Parameters
    ----------
    store
        Where to.
    path
        Of the export.
    owner
        Into whose memory.
    form, zone, title, dates, columns
        How it is read; see `importers.read`.
    me, merge, shared_with
        Who is who; see `prepare`.
    dry_run
        Whether to change nothing.

    Raises
    ------
    InvalidInput
        When it cannot be read, or somebody did not agree.
    UnknownName
        When there is no such person or author.
    """
    export = read(path, form=form, zone=zone, title=title, dates=dates, columns=columns)
    plan = prepare(store, export, owner, me=me, merge=merge, shared_with=shared_with)
    return _outcome(plan, dry_run=True) if dry_run else bring_in(store, plan)


def prepare(
    store: Store,
    export: Export,
    owner: Who,
    *,
    me: str = "",
    merge: Mapping[str, str] | None = None,
    shared_with: Sequence[Who] = (),
    discreet: bool = False,
) -> Plan:
    """Return what importing an export would do.

    Parameters
    ----------
    store
        Where to; it is only read.
    export
        What was read.
    owner
        Into whose memory it comes.
    me
        Key or name of the owner in the export; found out where nothing is given.
    merge
        Key or name of an author, and the handle or name of the person they are.
    shared_with
        People who agreed that it comes into their memory too.
    discreet
        Whether a handle is a name like any other, unless the owner is in contact with its person or has read something
        by them: so nobody finds out by it who there is.

    Raises
    ------
    InvalidInput
        When a name is that of several authors, or somebody did not agree.
    UnknownName
        When there is no such person or author.
    """
    person, shared = store.person(owner), tuple(store.person(each) for each in shared_with)
    rows, edited, heard = _looked_up(store, person, export.form)
    senders = _met(export, rows)
    people_there = store.people(imported=True)
    if discreet:
        told = {person.id, *heard, *(each.id for each in store.contacts_of(person))}
        people_there = [each for each in people_there if each.id in told]
    known = Known(person, {each.handle: each for each in people_there}, heard, senders)
    people = identify(export, known, me=me, merge=merge, agreed={each.handle for each in shared})
    messages, skipped = _short_enough(export)
    threads = _threads(export, messages, rows, edited, person)
    return Plan(export, person, tuple(people), threads, (*export.skipped, *skipped), shared)


def bring_in(store: Store, plan: Plan) -> Imported:
    """Do what was planned, and make the episodes of it, for which an agent would have to wait later.

    Raises
    ------
    StoreLocked, StoreUnavailable
        When nothing can be written now; what was written stays, and doing it again brings the rest.
    """
    people = _made(store, plan)
    for threaded in plan.threads:
        if threaded.new:
            conversation = _place(store, plan, threaded, people)
            source = _source(plan.export.form, plan.owner, threaded.thread.key)
            store.add_messages(_new(threaded.new, conversation, source, people))
        for number, said in threaded.edits:
            store.edit(number, said.text, said.edited_at or said.sent_at)
        for number, said in threaded.taken_back:
            store.redact(number, said.edited_at or said.sent_at)
    with suppress(EmbeddingFailed, StoreLocked, StoreUnavailable):  # else they are made when they are asked for
        for person in (plan.owner, *plan.shared_with):
            store.memory(person).rebuild_episodes()
    return _outcome(plan, dry_run=False)


def forget_imports(store: Store, owner: Who, form: Form | None = None) -> list[Receipt]:
    """Forget, to the byte and for everybody, all that somebody imported, or all of one form."""
    person = store.person(owner)
    forms: Iterable[Form] = (form,) if form else ("whatsapp", "telegram", "slack", "mbox", "table")
    with store.reading() as connection:
        found = {
            number
            for each in forms
            for (number,) in connection.execute(_IMPORTED, {"begins": f"{_source(each, person)}%"})
        }
    return [store.forget(conversation=number) for number in sorted(found)]


def _source(form: Form, owner: Person, thread: str = "") -> str:
    return f"{form}:{owner.id}:{thread}"


def _looked_up(store: Store, owner: Person, form: Form) -> tuple[list[_Row], dict[int, int], set[int]]:
    """Return what the owner holds of earlier imports, when it was edited last, and whom they have heard of."""
    begins = {"begins": f"{_source(form, owner)}%"}
    with store.reading() as connection:
        rows = [_Row(*row) for row in connection.execute(_KNOWN, {**begins, "owner": owner.id})]
        edited = {row[0]: row[1] for row in connection.execute(_EDITED, begins)}
        heard = {row[0] for row in connection.execute(_HEARD, {"owner": owner.id})}
    return rows, edited, heard


def _met(export: Export, rows: Sequence[_Row]) -> dict[str, int]:
    """Return who the authors were in earlier imports, by the messages that are in both."""
    senders = {row.key: row.sender for row in rows}
    return {said.author: senders[kept(said.key)] for said in export.messages if kept(said.key) in senders}


def _short_enough(export: Export) -> tuple[list[Said], list[Skipped]]:
    short = [said for said in export.messages if len(said.text) <= MOST_CHARACTERS]
    reason = f"longer than {MOST_CHARACTERS:,} characters"
    long = [Skipped(f"message {said.key}", reason) for said in export.messages if len(said.text) > MOST_CHARACTERS]
    return short, long


def _threads(
    export: Export, messages: Sequence[Said], rows: Sequence[_Row], edited: Mapping[int, int], owner: Person
) -> tuple[Threaded, ...]:
    said: dict[str, list[Said]] = {}
    for each in messages:
        said.setdefault(each.thread, []).append(each)
    by_source: dict[str, int] = {}
    by_key: dict[str, list[_Row]] = {}
    sizes: Counter[int] = Counter()
    for row in rows:
        by_source[row.source] = row.conversation
        by_key.setdefault(row.key, []).append(row)
        sizes[row.conversation] += 1
    found = []
    for thread in export.conversations:
        own = said.get(thread.key, [])
        place = by_source.get(kept(_source(export.form, owner, thread.key)))
        if place is None:
            place = _overlapping(own, by_key, sizes, enough=0.0 if export.form in _GLOBAL else 0.5)
        here = {
            each.key: row
            for each in own
            for row in by_key.get(kept(each.key), ())
            if row.conversation == place or export.form in _GLOBAL
        }
        found.append(_threaded(thread, place, own, here, edited))
    return tuple(each for each in found if each.new or each.known)


def _overlapping(
    said: Sequence[Said], by_key: Mapping[str, Sequence[_Row]], sizes: Mapping[int, int], enough: float
) -> int | None:
    """Return the conversation that has the most of the messages, if it is enough of the smaller of the two.

    So a chat is the same when its file was renamed, and two chats are not when both have an "ok" of one minute.
    """
    shared = Counter(row.conversation for each in said for row in by_key.get(kept(each.key), ()))
    for conversation, count in shared.most_common(1):
        if count >= max(1.0, enough * min(len(said), sizes[conversation])):
            return conversation
    return None


def _threaded(
    thread: Thread, place: int | None, said: Sequence[Said], here: Mapping[str, _Row], edited: Mapping[int, int]
) -> Threaded:
    pairs = [(each, here.get(each.key)) for each in said]
    there = [(row, each) for each, row in pairs if row is not None and row.text]  # what was redacted stays so
    return Threaded(
        thread,
        place,
        tuple(each for each, row in pairs if row is None and not each.gone),
        sum(row is not None for _, row in pairs),
        tuple((row.id, each) for row, each in there if _is_edit(row, each, edited.get(row.id))),
        tuple((row.id, each) for row, each in there if each.gone),
    )


def _is_edit(row: _Row, said: Said, edited: int | None) -> bool:
    if said.edited_at is None or said.gone or kept(said.text) == row.text:
        return False
    return edited is None or to_us(said.edited_at) > edited


def _made(store: Store, plan: Plan) -> dict[str, Person]:
    """Return the person of each author; those who are new are added."""
    known = {each.handle: each for each in store.people(imported=True)}
    for each in plan.people:
        if each.handle not in known:
            known[each.handle] = store.add_person(each.handle, each.name)
    return {each.author: known[each.handle] for each in plan.people}


def _place(store: Store, plan: Plan, threaded: Threaded, people: Mapping[str, Person]) -> int:
    """Return the conversation, with all who wrote in it."""
    wrote = list(dict.fromkeys(people[said.author].id for said in threaded.new))
    always = list(dict.fromkeys([plan.owner.id, *(each.id for each in plan.shared_with)]))
    conversation = threaded.conversation
    if conversation is None:
        conversation = store.conversation(always, title=threaded.thread.title)
    with store.reading() as connection:
        there = {row[0] for row in connection.execute(_MEMBERS, {"conversation": conversation})}
    few = len(there | set(wrote)) <= MOST_LISTENERS
    for number in (*always, *wrote):
        if number in there:
            continue
        there.add(number)
        store.join(conversation, number, _EVER)
        if number not in always and not few:
            store.leave(conversation, number, _EVER)
    return conversation


def _new(said: Iterable[Said], conversation: int, source: str, people: Mapping[str, Person]) -> Iterator[NewMessage]:
    for each in said:
        yield NewMessage(conversation, people[each.author].id, each.sent_at, each.text, source, each.key)


def _outcome(plan: Plan, *, dry_run: bool) -> Imported:
    threads = plan.threads
    return Imported(
        plan,
        sum(len(each.new) for each in threads),
        sum(each.known for each in threads),
        sum(len(each.edits) for each in threads),
        sum(len(each.taken_back) for each in threads),
        dry_run,
    )

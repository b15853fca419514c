"""Identities: who the authors of an export are among the people of a store.

Somebody whom an export names is not thereby a person with a memory of their own: what a file says that they wrote must
not come into it, since whoever holds the file can have written it. They become people that nobody signs in as, told
from the others by the first letter of their handle, one for each owner, so that no one's imports meet another's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.importers.export import Author, Export, digest
from consilience.methods.social_agents.records import Person

__all__ = ["MADE", "How", "Identity", "Known", "identify", "is_made"]

MADE = "~"
"""How handles begin that imports made."""
_LONGEST_NAME = 200
_LONGEST_SLUG = 40

How = Literal["owner", "merged", "known", "new"]
"""Why an author is taken for a person: the owner themselves, told so, met before, or nobody yet."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An author and the person they are taken for."""

    author: str
    """Key in the export."""
    name: str
    """As the export calls them, or as the person is called."""
    handle: str
    """Of the person."""
    how: How
    """Why."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who there is already."""

    owner: Person
    """Whose import it is."""
    people: Mapping[str, Person]
    """Everybody, by handle."""
    heard: Collection[int]
    """Numbers of those who wrote what the owner read."""
    senders: Mapping[str, int]
    """Authors met in earlier imports of the form: key and number of the person."""


def is_made(who: Person | str) -> bool:
    """Whether somebody was made by an import: nobody signs in as them.

    Examples
    --------
    >>> is_made("~bea-0a1b2c3d4e"), is_made("bea")
    (True, False)
    """
    return (who if isinstance(who, str) else who.handle).startswith(MADE)


def identify(
    export: Export, known: Known, *, me: str = "", merge: Mapping[str, str] | None = None, agreed: Collection[str] = ()
) -> list[Identity]:
    """Return who each author is.

    Parameters
    ----------
    export
        What was read.
    known
        Who there is.
    me
        Key or name of the owner in the export; found out where nothing is given.
    merge
        Key or name of an author, and the handle of the person they are, or a name: authors of one name are one
        person.
    agreed
        Handles of people with a memory of their own who agreed that the import comes into it.

    Raises
    ------
    InvalidInput
        When a name is that of several authors, or somebody did not agree.
    UnknownName
        When no author is called so.
    """
    own = _one(export.people, me).key if me else _found_owner(export, known)
    given = {_one(export.people, author).key: target for author, target in (merge or {}).items()}
    return [
        _merged(author, given[author.key], known, agreed)
        if author.key in given
        else _told_apart(author, known, export.form, agreed, is_owner=author.key == own)
        for author in export.people
    ]


def _one(authors: Sequence[Author], called: str) -> Author:
    """Return the author of a key, or else of a name that only one has."""
    exact = [each for each in authors if each.key == called]
    found = exact or [each for each in authors if each.name.casefold() == called.strip().casefold()]
    if not found:
        raise UnknownName("author", called, {each.name for each in authors})
    if len(found) > 1:
        keys = ", ".join(each.key for each in found)
        raise InvalidInput(f"an author must be named so that one is meant; {called!r} is {keys}: give one of these")
    return found[0]


def _found_owner(export: Export, known: Known) -> str:
    """Return the key of the owner: as the export says, as before, or the only one of their name; else nothing."""
    keys = [each.key for each in export.people]
    if export.me in keys:
        return export.me
    before = [key for key in keys if known.senders.get(key) == known.owner.id]
    names = {known.owner.name.casefold(), known.owner.handle.casefold()}
    called = [each.key for each in export.people if each.name.casefold() in names or each.address.casefold() in names]
    found = before or called
    return found[0] if len(found) == 1 else ""


def _told_apart(author: Author, known: Known, form: str, agreed: Collection[str], *, is_owner: bool) -> Identity:
    if is_owner:
        return Identity(author.key, known.owner.name, known.owner.handle, "owner")
    number = known.senders.get(author.key)
    for person in known.people.values():
        # Who agreed to an earlier import has not agreed to this one.
        if person.id == number and (is_made(person) or person.handle in agreed):
            return Identity(author.key, person.name, person.handle, "known")
    name = _shortened(author.name) or author.key
    handle = _handle(name, str(known.owner.id), form, author.key)
    return Identity(author.key, name, handle, "known" if handle in known.people else "new")


def _merged(author: Author, target: str, known: Known, agreed: Collection[str]) -> Identity:
    target = unicodedata.normalize("NFC", target.strip())
    person = known.people.get(target)
    if person is None:
        name = _shortened(target)
        if not name or name.startswith(MADE):
            raise InvalidInput(f"an author is merged with a person's handle or a name; got {target!r}")
        handle = _handle(name, str(known.owner.id), "merged", name.casefold())
        return Identity(author.key, name, handle, "merged")
    if person.id == known.owner.id:
        return Identity(author.key, person.name, person.handle, "owner")
    if not is_made(person) and target not in agreed:
        raise InvalidInput(
            f"{target!r} has a memory of their own, and would read what the export says they wrote: let them agree and "
            "share the import with them, or merge with a name that nobody has as a handle"
        )
    if is_made(person) and person.id not in known.heard:
        raise InvalidInput(f"{target!r} is nobody whom {known.owner.handle!r} has heard of; give a name")
    return Identity(author.key, person.name, person.handle, "merged")


def _shortened(name: str) -> str:
    return " ".join(name.split())[:_LONGEST_NAME]


def _handle(name: str, *parts: str) -> str:
    """Return a handle that is the same whenever the same is imported, and tells little.

    Two of one name get two.
    """
    slug = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFC", name).lower()).strip("-_")[:_LONGEST_SLUG]
    return f"{MADE}{slug or 'somebody'}-{digest(*parts, length=10)}"

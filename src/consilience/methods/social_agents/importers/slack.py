"""Slack's export: a zip file, or the folder it unpacks to, with a JSON file for each channel and day."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.export import Author, Export, Said, Skipped, Thread
from consilience.methods.social_agents.importers.files import Folder
from consilience.methods.social_agents.importers.mending import read_json
from consilience.methods.social_agents.importers.times import from_unix

__all__ = ["is_day", "read"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_SAID = frozenset(
    {"", "me_message", "thread_broadcast", "bot_message", "file_share", "file_comment", "reply_broadcast"}
)
_ANGLE = re.compile(r"<([^<>]*)>")


def is_day(name: str) -> bool:
    """Whether a file of an export holds a day's messages.

    Examples
    --------
    >>> is_day("general/2024-05-02.json"), is_day("users.json")
    (True, False)
    """
    return _DAY.fullmatch(PurePosixPath(name).name) is not None


def read(path: Path) -> Export:
    """Read an export of Slack.

    Raises
    ------
    InvalidInput
        When it is none, or an archive that is cut off.
    """
    folder = Folder(path)
    days = sorted((name for name in folder if is_day(name)), key=lambda name: PurePosixPath(name).parts)
    if not days:
        raise InvalidInput(f"{path.name} must be an export of Slack; it has no file of a day, such as 2024-05-02.json")
    reader = _Reader(_users(folder), _rooms(folder))
    cut_off = False
    for name in days:
        rows, cut = read_json(folder[name], name)
        cut_off |= cut
        reader.take(PurePosixPath(name).parent.name, name, rows)
    return reader.export(cut_off=cut_off)


def _table(folder: Folder, name: str) -> Iterator[Mapping[str, Any]]:
    place = folder.named(name)
    if place is not None:
        rows, _ = read_json(folder[place], name)
        yield from (row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict) and "id" in row)


def _users(folder: Folder) -> dict[str, Author]:
    users = {}
    for row in _table(folder, "users.json"):
        profile = row.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        names = (
            profile.get("display_name"),
            profile.get("real_name"),
            row.get("real_name"),
            row.get("name"),
            row["id"],
        )
        key = str(row["id"])
        users[key] = Author(key, str(next(name for name in names if name)), str(profile.get("email") or ""))
    return users


@dataclass(frozen=True, slots=True)
class _Room:
    """A channel, or a talk of a few."""

    key: str
    title: str
    members: tuple[str, ...] = field(default=())


def _rooms(folder: Folder) -> dict[str, _Room]:
    """Return the rooms by the name of their folder: their own, or their number where they have none."""
    rooms = {}
    for name in ("channels.json", "groups.json", "mpims.json", "dms.json"):
        for row in _table(folder, name):
            members = tuple(str(each) for each in row.get("members") or ())
            key, own = str(row["id"]), str(row.get("name") or "")
            title = f"#{own}" if own and name in ("channels.json", "groups.json") else ""
            rooms[own or key] = _Room(key, title, members)
    return rooms


class _Reader:
    """What was read so far."""

    def __init__(self, people: dict[str, Author], rooms: dict[str, _Room]) -> None:
        self._people = people
        self._rooms = rooms
        self._said: dict[str, Said] = {}
        self._skipped: list[Skipped] = []
        self._met: dict[str, _Room] = {}

    def take(self, room_name: str, name: str, rows: Any) -> None:
        """Read a day."""
        room = self._rooms.get(room_name) or _Room(room_name, f"#{room_name}")
        self._met[room.key] = room
        for place, row in enumerate(rows if isinstance(rows, list) else ()):
            said = self._message(row, room.key, f"{name}, row {place + 1}")
            if said is not None:
                self._said.setdefault(said.key, said)

    def _message(self, row: Any, room: str, where: str) -> Said | None:
        gone = isinstance(row, dict) and row.get("subtype") == "tombstone"
        reason = "" if gone else _no_message(row)
        text = "" if gone or reason else self._told(row)
        if not reason and not gone and not text:
            reason = "nothing was said"
        try:
            moment = None if reason else from_unix(row["ts"])
        except (ValueError, TypeError, KeyError):
            moment, reason = None, "its time cannot be read"
        if moment is None:
            self._skipped.append(Skipped(where, reason))
            return None
        thread, edited = str(row.get("thread_ts") or row["ts"]), None
        if isinstance(row.get("edited"), dict):
            try:
                edited = from_unix(row["edited"].get("ts", ""))
            except (ValueError, TypeError):
                edited = moment
        reply = f"{room}/{thread}" if thread != str(row["ts"]) else ""
        return Said(f"{room}/{row['ts']}", room, self._author(row), moment, text, edited, reply, gone)

    def _author(self, row: Mapping[str, Any]) -> str:
        bot = f"bot:{row['username']}" if row.get("username") else ""
        key = str(row.get("user") or row.get("bot_id") or bot or "unknown")
        if key not in self._people:
            profile = row.get("user_profile")
            profile = profile if isinstance(profile, dict) else {}
            names = (profile.get("display_name"), profile.get("real_name"), row.get("username"), key)
            self._people[key] = Author(key, str(next(name for name in names if name)))
        return key

    def _told(self, row: Mapping[str, Any]) -> str:
        text = self._plain(str(row.get("text") or ""))
        files = [each for each in row.get("files") or () if isinstance(each, dict)]
        named = [f"[file {each.get('name') or each.get('title') or 'without a name'}]" for each in files]
        if not text and not named:
            shown = [each for each in row.get("attachments") or () if isinstance(each, dict)]
            named = [self._plain(str(each.get("text") or each.get("fallback") or "")) for each in shown]
        return "\n".join(part for part in (text, *named) if part).strip()

    def _plain(self, text: str) -> str:
        """Return a text with names for numbers, and letters for what stands for them."""
        return html.unescape(_ANGLE.sub(lambda match: self._meant(match[1]), text))

    def _meant(self, inside: str) -> str:
        target, _, label = inside.partition("|")
        if target.startswith("@"):
            known = self._people.get(target[1:])
            return f"@{known.name if known else label or target[1:]}"
        if target.startswith("#"):
            titles = {room.key: room.title for room in self._rooms.values()}
            return titles.get(target[1:]) or f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        return f"{label} ({target})" if label and label != target else target

    def export(self, *, cut_off: bool) -> Export:
        """Return all that was read."""
        wrote = dict.fromkeys(said.author for said in self._said.values())
        people = tuple(self._people[key] for key in wrote)
        threads = tuple(Thread(room.key, self._title(room), self._known(room.members)) for room in self._met.values())
        said = tuple(sorted(self._said.values(), key=lambda each: each.sent_at))
        return Export("slack", people, threads, said, tuple(self._skipped), cut_off)

    def _title(self, room: _Room) -> str:
        return room.title or ", ".join(self._people[key].name for key in self._known(room.members)) or room.key

    def _known(self, members: Sequence[str]) -> tuple[str, ...]:
        return tuple(key for key in members if key in self._people)


def _no_message(row: Any) -> str:
    """Return why a row is no message; nothing where it is one."""
    if not isinstance(row, dict) or row.get("type", "message") != "message":
        return "no message"
    return "" if str(row.get("subtype") or "") in _SAID else "a notice of the program"

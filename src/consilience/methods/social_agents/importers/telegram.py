"""Telegram's ``result.json``: one chat, or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.export import Author, Export, Said, Skipped, Thread
from consilience.methods.social_agents.importers.files import opened
from consilience.methods.social_agents.importers.mending import read_json
from consilience.methods.social_agents.importers.times import LocalClock, find_zone, from_unix, read_time

__all__ = ["read"]

_NAMELESS = "Deleted account"
_PLAIN_MEDIA = {
    "photo": "[photo]",
    "location_information": "[location]",
    "game_title": "[game]",
    "invoice_information": "[invoice]",
}


def read(path: Path, *, zone: str = "UTC") -> Export:
    """Read what Telegram's desktop program exported as JSON, of one chat or of all.

    Parameters
    ----------
    path
        Of the file, or of the folder or archive that holds it.
    zone
        Of the computer; only old exports need it, which have no seconds since 1970.

    Raises
    ------
    InvalidInput
        When it is no such export.
    """
    data, _ = opened(path, "result.json")
    whole, cut_off = read_json(data, path.name)
    chats = list(_chats(whole))
    if not chats:
        raise InvalidInput(f"{path.name} must be an export of Telegram as JSON; it has no `messages` and no `chats`")
    reader = _Reader(LocalClock(find_zone(zone)))
    for chat in chats:
        reader.take(chat)
    return reader.export(cut_off=cut_off, me=_me(whole))


def _chats(whole: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(whole, dict):
        return
    if isinstance(whole.get("messages"), list):
        yield whole
    for group in ("chats", "left_chats"):
        listed = whole.get(group)
        for chat in _list(listed.get("list") if isinstance(listed, dict) else None):
            if isinstance(chat, dict) and isinstance(chat.get("messages"), list):
                yield chat


def _me(whole: Any) -> str:
    about = whole.get("personal_information") if isinstance(whole, dict) else None
    number = about.get("user_id") if isinstance(about, dict) else None
    return "" if number is None else f"user{number}"


class _Reader:
    """What was read so far."""

    def __init__(self, clock: LocalClock) -> None:
        self._clock = clock
        self._people: dict[str, Author] = {}
        self._threads: dict[str, Thread] = {}
        self._said: dict[str, Said] = {}
        self._skipped: list[Skipped] = []

    def take(self, chat: Mapping[str, Any]) -> None:
        """Read a chat."""
        thread = str(chat.get("id", chat.get("name", "")))
        writers = dict[str, None]()
        for row in chat["messages"]:
            where = f"chat {thread}, message {row.get('id', '?') if isinstance(row, dict) else '?'}"
            said = self._message(row, thread, where)
            if said is not None:
                writers[said.author] = None
                self._said.setdefault(said.key, said)
        title = str(chat.get("name") or "") or ", ".join(self._people[each].name for each in writers)
        before = self._threads[thread].members if thread in self._threads else ()
        self._threads[thread] = Thread(thread, title, tuple(dict.fromkeys((*before, *writers))))

    def _message(self, row: Any, thread: str, where: str) -> Said | None:
        reason = _no_message(row)
        text = "" if reason else _told(row)
        moment = None if reason else self._moment(row, "date")
        if not reason and moment is None:
            reason = "its time cannot be read"
        if not reason and not text:
            reason = "nothing was said"
        if reason or moment is None:
            self._skipped.append(Skipped(where, reason))
            return None
        author = self._author(row)
        answered = row.get("reply_to_message_id")
        reply = "" if answered is None else f"{thread}/{answered}"
        return Said(f"{thread}/{row['id']}", thread, author, moment, text, self._moment(row, "edited"), reply)

    def _moment(self, row: Mapping[str, Any], name: str) -> datetime | None:
        try:
            if f"{name}_unixtime" in row:
                return from_unix(row[f"{name}_unixtime"])
            if str(row.get(name) or "1970").startswith("1970"):  # what old exports write for never
                return None
            return read_time(row[name], self._clock)
        except (ValueError, TypeError):
            return None

    def _author(self, row: Mapping[str, Any]) -> str:
        number, name = row.get("from_id"), row.get("from")
        key = f"user{number}" if isinstance(number, int) else str(number or name or "unknown")
        known = self._people.get(key)
        if known is None or (name and known.name == _NAMELESS):
            self._people[key] = Author(key, str(name or _NAMELESS))
        return key

    def export(self, *, cut_off: bool, me: str) -> Export:
        """Return all that was read."""
        people, threads = tuple(self._people.values()), tuple(self._threads.values())
        return Export("telegram", people, threads, tuple(self._said.values()), tuple(self._skipped), cut_off, (), me)


def _no_message(row: Any) -> str:
    """Return why a row is no message; nothing where it is one."""
    if not isinstance(row, dict) or "id" not in row:
        return "no message"
    if row.get("type") == "service":
        return "a notice of the program"
    return "" if row.get("type", "message") == "message" else "no message"


def _told(row: Mapping[str, Any]) -> str:
    """Return a message's text with what it carries, as words in brackets."""
    forwarded = f"[forwarded from {row['forwarded_from']}]" if row.get("forwarded_from") else ""
    return "\n".join(part for part in (forwarded, *_media(row), _flat(row.get("text"))) if part).strip()


def _flat(text: Any) -> str:
    """Return a text that may be a list of pieces; the address of a link stands behind its words."""
    if isinstance(text, str):
        return text
    return "".join(_piece(each) for each in _list(text))


def _piece(piece: Any) -> str:
    if not isinstance(piece, dict):
        return str(piece)
    told = str(piece.get("text", ""))
    link = piece.get("href")
    return f"{told} ({link})" if link and str(link) != told else told


def _media(row: Mapping[str, Any]) -> Iterator[str]:
    yield from (words for name, words in _PLAIN_MEDIA.items() if row.get(name))
    if row.get("sticker_emoji") or row.get("media_type") == "sticker":
        yield f"[sticker {row.get('sticker_emoji', '')}]".replace(" ]", "]")
    elif row.get("media_type") in ("voice_message", "video_message"):
        yield f"[{str(row['media_type']).replace('_', ' ')}]"
    elif row.get("file_name") or row.get("file"):
        yield f"[file {row.get('file_name') or Path(str(row['file'])).name}]"
    if isinstance(contact := row.get("contact_information"), dict):
        fields = (contact.get(name) for name in ("first_name", "last_name", "phone_number"))
        yield f"[contact {' '.join(str(each) for each in fields if each)}]"
    if isinstance(poll := row.get("poll"), dict):
        answers = (str(each.get("text", "")) for each in _list(poll.get("answers")) if isinstance(each, dict))
        yield f"[poll] {_flat(poll.get('question'))} {' / '.join(answers)}".strip()


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()

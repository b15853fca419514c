"""Samples: one conversation of our own, written as other programs and phones would, and what is to be read back."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from consilience.methods.social_agents.importers.export import Export
from consilience.methods.social_agents.importers.reading import read

__all__ = ["SAMPLES", "Fidelity", "Sample", "Told", "read_back"]

ZONE = "Europe/Berlin"
"""Where the phones of the samples are."""
_PLACE = ZoneInfo(ZONE)
_LRM, _NARROW = "\u200e", "\u202f"


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it happened."""

    author: str
    """Who wrote it."""
    sent_at: datetime
    """When, to the minute."""
    text: str
    """What."""

    @property
    def shown(self) -> datetime:
        """What the clock on the wall showed."""
        return self.sent_at.astimezone(_PLACE)


def _told(*lines: tuple[str, str, str]) -> tuple[Told, ...]:
    return tuple(Told(who, datetime.fromisoformat(f"{when}+00:00"), text) for who, when, text in lines)


CHAT = _told(
    ("Ann Ode", "2024-04-30T18:05", "Shall we meet at the old mill?"),
    ("Béa", "2024-04-30T18:05", "Yes: at ten.\nBring the map,\n\nand the red lantern."),
    ("Ann Ode", "2024-04-30T18:06", "ok"),
    ("Ann Ode", "2024-04-30T18:06", "ok"),
    ("+49 170 0000001", "2024-05-02T10:15", "I come at 10:30, <not> before & not after"),
    ("Béa", "2024-05-13T11:59", 'He said: "12/31/20, 9:05 PM - that was it"'),
    ("Ann Ode", "2024-05-13T22:30", "% _ * ' \" ; , | \\ 🌷 नमस्ते"),
    ("Béa", "2024-10-27T00:50", "before the clocks are set back"),
    ("Béa", "2024-10-27T01:10", "after it"),
    ("Ann Ode", "2025-01-01T00:00", "From now on it is another year"),
)
"""What happened."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An export of the conversation."""

    name: str
    """Program, phone and language."""
    write: Callable[[Path], Path]
    """Writes it into a folder and returns where it lies."""
    truth: tuple[Told, ...] = CHAT
    """What is to be read."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What a reader has to be told."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much of a sample was read as it happened."""

    messages: int
    """Messages of the truth."""
    found: int
    """Texts that were read, and no other."""
    authors: int
    """Of these, with the right author."""
    times: int
    """Of these, with the right time."""

    @property
    def whole(self) -> bool:
        """Whether everything is right."""
        return self.messages == self.found == self.authors == self.times


def read_back(sample: Sample, folder: Path) -> tuple[Fidelity, Export]:
    """Write a sample, read it, and return how well."""
    folder.mkdir(parents=True, exist_ok=True)
    export = read(sample.write(folder), zone=ZONE, **sample.options)
    names = {each.key: each.name for each in export.people}
    pairs = list(zip(sample.truth, export.messages, strict=False))
    same = [(told, said) for told, said in pairs if told.text == said.text]
    extra = abs(len(export.messages) - len(sample.truth))
    authors = sum(told.author == names[said.author] for told, said in same)
    times = sum(told.sent_at == said.sent_at for told, said in same)
    return Fidelity(len(sample.truth), len(same) - extra, authors, times), export


# WhatsApp.


def _clock(told: Told, pattern: str) -> str:
    shown = told.shown
    half = {"am": "AM", "pm": "PM"} if "{AM}" in pattern else {"am": "a.\u00a0m.", "pm": "p.\u00a0m."}
    korean = "오후" if shown.hour >= 12 else "오전"  # noqa: PLR2004 - noon
    values = {
        "Y": shown.year,
        "y": f"{shown.year % 100:02}",
        "m": shown.month,
        "d": shown.day,
        "mm": f"{shown.month:02}",
        "dd": f"{shown.day:02}",
        "H": f"{shown.hour:02}",
        "h": (shown.hour - 1) % 12 + 1,
        "M": f"{shown.minute:02}",
        "AM": half["pm" if shown.hour >= 12 else "am"],  # noqa: PLR2004 - noon
        "am": half["pm" if shown.hour >= 12 else "am"],  # noqa: PLR2004 - noon
        "K": korean,
    }
    return pattern.format(**values)


def _whatsapp(head: str, *, media: str, end: str = "\n", name: str = "WhatsApp Chat with Mill.txt") -> Sample:
    iphone = head.startswith("[")
    notice = f"{_LRM}Messages and calls are end-to-end encrypted." if iphone else "Messages are end-to-end encrypted."
    told_media = Told("Béa", CHAT[-1].sent_at + timedelta(minutes=1), "[media]")

    def write(folder: Path) -> Path:
        first = _clock(CHAT[0], head)
        lines = [first + ("Mill: " if iphone else "") + notice]
        if not iphone:
            lines.append(f'{first}Ann Ode changed the subject from "Mill: old" to "Mill: new"')
        lines += [f"{_clock(each, head)}{each.author}: {each.text}" for each in CHAT]
        lines.append(f"{_LRM if iphone else ''}{_clock(told_media, head)}Béa: {media}")
        path = folder / name
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("_chat.txt", end.join(lines))
        else:
            path.write_bytes(("\ufeff" * iphone + end.join(lines) + end).encode())
        return path

    return Sample(f"whatsapp {head.strip()}", write, (*CHAT, told_media))


_IPHONE, _ANDROID = f"{_LRM}image omitted", "<Media omitted>"
_PHONES = (
    _whatsapp("{m}/{d}/{y}, {h}:{M}" + _NARROW + "{AM} - ", media=_ANDROID),
    _whatsapp("{dd}/{mm}/{Y}, {H}:{M} - ", media=_ANDROID),
    _whatsapp("{dd}.{mm}.{y}, {H}:{M} - ", media="<Medien ausgeschlossen>"),
    _whatsapp("{dd}-{mm}-{Y} {H}:{M} - ", media="<Media weggelaten>"),
    _whatsapp("{d}/{m}/{y}, {h}:{M}\u00a0{am} - ", media="<Multimedia omitido>"),
    _whatsapp("{d}.{m}.{Y} klo {H}.{M} - ".replace("klo", "kl."), media="<Media udeladt>"),
    _whatsapp("{Y}/{mm}/{dd} {H}:{M} - ", media="<メディアなし>"),
    _whatsapp("{Y}년 {m}월 {d}일 {K} {h}:{M}, ", media="<미디어 생략>"),
    _whatsapp("[{m}/{d}/{y}, {h}:{M}:00" + _NARROW + "{AM}] ", media=_IPHONE, end="\r\n"),
    _whatsapp("[{dd}.{mm}.{y}, {H}:{M}:00] ", media=f"{_LRM}Bild weggelassen", end="\r\n"),
    _whatsapp("[{d}/{m}/{y}, {h}:{M}:00\u00a0{am}] ", media=f"{_LRM}imagen omitida", end="\r\n"),
    _whatsapp("[{Y}-{mm}-{dd}, {H}:{M}:00] ", media=_IPHONE, name="WhatsApp Chat - Mill.zip"),
)

# Telegram.


def _telegram_rows(*, old: bool) -> Iterator[dict[str, Any]]:
    yield {"id": 1, "type": "service", "date": CHAT[0].shown.strftime("%Y-%m-%dT%H:%M:%S"), "action": "create_group"}
    for number, each in enumerate(CHAT, start=2):
        row: dict[str, Any] = {
            "id": number,
            "type": "message",
            "date": each.shown.strftime("%Y-%m-%dT%H:%M:%S"),
            "from": each.author,
            "from_id": len(each.author) if old else f"user{len(each.author)}",
            "text": each.text if number % 2 else [each.text[:5], {"type": "bold", "text": each.text[5:]}],
        }
        if not old:
            row |= {"date_unixtime": str(int(each.sent_at.timestamp())), "text_entities": []}
        if number == 4:  # noqa: PLR2004 - the third message answers the second
            row["reply_to_message_id"] = 3
        yield row


def _telegram(name: str, *, old: bool = False, full: bool = False) -> Sample:
    def write(folder: Path) -> Path:
        chat = {"name": "Mill", "type": "private_group", "id": 77, "messages": list(_telegram_rows(old=old))}
        me = {"user_id": len("Ann Ode"), "first_name": "Ann"}
        whole = {"personal_information": me, "chats": {"list": [chat]}} if full else chat
        path = folder / "result.json"
        path.write_text(json.dumps(whole, ensure_ascii=False, indent=1), encoding="utf-8")
        return path

    return Sample(f"telegram {name}", write)


# Slack.


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_days() -> dict[str, list[dict[str, Any]]]:
    days: dict[str, list[dict[str, Any]]] = {}
    for place, each in enumerate(CHAT):
        row = {
            "type": "message",
            "user": f"U{len(each.author)}",
            "text": _escaped(each.text),
            "ts": f"{int(each.sent_at.timestamp())}.00000{place}",
        }
        days.setdefault(f"mill/{each.sent_at:%Y-%m-%d}.json", []).append(row)
    days[f"mill/{CHAT[0].sent_at:%Y-%m-%d}.json"].insert(
        0, {"type": "message", "subtype": "channel_join", "user": "U7", "text": "joined", "ts": "1714500000.000000"}
    )
    return days


def _slack() -> Sample:
    truth = tuple(
        Told(each.author, each.sent_at + timedelta(microseconds=place), each.text) for place, each in enumerate(CHAT)
    )

    def write(folder: Path) -> Path:
        authors = sorted({each.author for each in CHAT})
        users = [{"id": f"U{len(each)}", "name": "n", "profile": {"display_name": each}} for each in authors]
        channels = [{"id": "C1", "name": "mill", "members": [each["id"] for each in users]}]
        path = folder / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, rows in {"users.json": users, "channels.json": channels, **_slack_days()}.items():
                archive.writestr(name, json.dumps(rows))
        return path

    return Sample("slack zip", write, truth)


# Mail.

_MAILBOXES = {"Ann Ode": "ann@mill.example", "Béa": "bea@mill.example", "+49 170 0000001": "cyd@mill.example"}


def _letter(place: int, each: Told, *, html: bool) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = f'"{each.author}" <{_MAILBOXES[each.author]}>'
    mail["To"] = "bea@mill.example, ann@mill.example"
    mail["Date"] = format_datetime(each.shown)
    mail["Subject"] = "Mill" if place == 0 else "Re: Mill"
    mail["Message-ID"] = f"<m{place}@mill.example>"
    if place:
        mail["In-Reply-To"] = f"<m{place - 1}@mill.example>"
        mail["References"] = f"<m0@mill.example> <m{place - 1}@mill.example>"
    quoted = "\n\nOn Tue, 30 Apr 2024, somebody wrote:\n> what was\n> said before\n" if place else ""
    mail.set_content(each.text + quoted + "\n-- \nsent from afar\n")
    if html:
        page = _escaped(each.text).replace("\n", "<br>")
        mail.add_alternative(f"<html><body>{page}<blockquote>before</blockquote></body></html>", subtype="html")
    return mail


def _mbox(*, html: bool) -> Sample:
    def write(folder: Path) -> Path:
        pieces = []
        for place, each in enumerate(CHAT):
            raw = _letter(place, each, html=html).as_bytes().replace(b"\nFrom ", b"\n>From ")
            pieces.append(b"From somebody@mill.example Thu May  2 10:15:00 2024\n" + raw + b"\n")
        path = folder / "mill.mbox"
        path.write_bytes(b"".join(pieces))
        return path

    return Sample(f"mbox {'with pages' if html else 'plain'}", write)


# Tables.


def _csv_file(folder: Path, delimiter: str) -> Path:
    out = StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["Timestamp", "Sender", "Message", "Chat"])
    writer.writerows([each.sent_at.isoformat(), each.author, each.text, "Mill"] for each in CHAT)
    path = folder / "mill.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path


def _json_lines(folder: Path) -> Path:
    rows: Sequence[dict[str, Any]] = [
        {"id": place, "ts": int(each.sent_at.timestamp() * 1000), "author": each.author, "text": each.text}
        for place, each in enumerate(CHAT)
    ]
    path = folder / "mill.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


SAMPLES: tuple[Sample, ...] = (
    *_PHONES,
    _telegram("one chat"),
    _telegram("all chats", full=True),
    _telegram("old", old=True),
    _slack(),
    _mbox(html=False),
    _mbox(html=True),
    Sample("table of commas", lambda folder: _csv_file(folder, ",")),
    Sample("table of semicolons", lambda folder: _csv_file(folder, ";")),
    Sample("table of JSON lines", _json_lines),
)
"""Every program, phone and form that is read."""

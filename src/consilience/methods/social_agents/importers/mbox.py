"""Mail: an mbox file, or one message; threads by what answers what, and only what is new in each message."""

from __future__ import annotations

import email.policy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.export import Author, Export, Said, Skipped, Thread, digest
from consilience.methods.social_agents.importers.files import read_bytes
from consilience.methods.social_agents.importers.times import LocalClock, find_zone

__all__ = ["begins_mailbox", "read", "unquoted"]

_ENVELOPE = re.compile(rb"From .{0,300}\b\d{1,2}:\d{2}(?::\d{2})?\b.{0,40}\r?$")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
_IDENTIFIER = re.compile(r"<([^<>\s]+)>")
_ANSWER = re.compile(r"^\s*(?:(?:re|aw|sv|antw|fwd?|wg|tr|rv)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:On|Am|Le|El|Il|Op|Em|Den)\b.{5,200}"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev)\b.{0,80}:\s*$",
    re.DOTALL,
)
_BELOW = re.compile(
    r"^\s*(?:-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Forwarded message|"
    r"Weitergeleitete Nachricht)\s*-{2,}|_{20,})\s*$",
    re.IGNORECASE,
)
_SKIPPED_TAGS = frozenset({"script", "style", "head", "title", "blockquote"})
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol"})


def begins_mailbox(head: bytes) -> bool:
    """Whether a file begins as an mbox does.

    Examples
    --------
    >>> begins_mailbox(b"From ann@home Thu May  2 10:15:00 2024"), begins_mailbox(b"From here on, silence.")
    (True, False)
    """
    return _ENVELOPE.match(head.split(b"\n", 1)[0]) is not None


def read(path: Path, *, zone: str = "UTC") -> Export:
    """Read an mbox file, or a file with a single message.

    Parameters
    ----------
    path
        Of the file.
    zone
        For dates without one.

    Raises
    ------
    InvalidInput
        When it holds no mail.
    """
    reader = _Reader(LocalClock(find_zone(zone)))
    for number, raw in enumerate(_pieces(read_bytes(path)), start=1):
        reader.take(raw, f"message {number}")
    if not reader.letters:
        raise InvalidInput(f"{path.name} must hold mail with senders and dates; nothing in it is such a message")
    return reader.export()


def _pieces(data: bytes) -> Iterator[bytes]:
    """Give the messages; a line that begins with From within a text begins none unless it looks like an envelope."""
    if not begins_mailbox(data):
        yield data
        return
    lines = data.split(b"\n")
    start, blank = 0, False
    for place, line in enumerate(lines):
        if place and blank and line.startswith(b"From ") and _ENVELOPE.match(line):
            yield _ESCAPED.sub(rb"\1", b"\n".join(lines[start + 1 : place]))
            start = place
        blank = not line.strip()
    yield _ESCAPED.sub(rb"\1", b"\n".join(lines[start + 1 :]))


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message before it has found its thread."""

    key: str
    author: str
    others: tuple[str, ...]
    sent_at: datetime
    text: str
    subject: str
    answers: tuple[str, ...]
    """What it answers, the farthest first."""


class _Reader:
    """What was read so far."""

    def __init__(self, clock: LocalClock) -> None:
        self._clock = clock
        self._people: dict[str, Author] = {}
        self.letters: dict[str, _Letter] = {}
        """Messages by key."""
        self._skipped: list[Skipped] = []
        self._cut_off = False

    def take(self, raw: bytes, where: str) -> None:
        """Read a message."""
        mail = BytesParser(_Mail, policy=email.policy.default).parsebytes(raw)
        self._cut_off = _is_cut(mail)  # only the last one's end is the file's
        senders, moment = _addresses(mail, "from"), self._moment(mail)
        if not senders or moment is None:
            self._skipped.append(Skipped(where, "no sender" if not senders else "its time cannot be read"))
            return
        others = tuple(dict.fromkeys(self._person(*each) for each in _addresses(mail, "to", "cc")))
        author, text = self._person(*senders[0]), _told(mail)
        if not text:
            self._skipped.append(Skipped(where, "nothing was said"))
            return
        own = _identifiers(mail, "message-id")
        key = own[0] if own else digest(author, moment.isoformat(), text)
        answers = tuple(dict.fromkeys((*_identifiers(mail, "references"), *_identifiers(mail, "in-reply-to"))))
        subject = _ANSWER.sub("", _header(mail, "subject")).strip()
        self.letters.setdefault(key, _Letter(key, author, others, moment, text, subject, answers))

    def _moment(self, mail: EmailMessage) -> datetime | None:
        for told in (_header(mail, "date"), _header(mail, "received").rpartition(";")[2]):
            try:
                when = parsedate_to_datetime(told.strip())
                # RFC 5322 writes -0000 for a time in UTC whose place is not told, and Python no zone for that.
                if when.tzinfo is None and not told.rstrip().endswith("-0000"):
                    return self._clock.moment(when)
                return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
        return None

    def _person(self, name: str, address: str) -> str:
        key = address.lower()
        known = self._people.get(key)
        if known is None or (name and known.name == known.address):
            self._people[key] = Author(key, name or address, address)
        return key

    def export(self) -> Export:
        """Return all that was read, each message in the thread of the first that it goes back to."""
        roots: dict[str, str] = {}
        threads: dict[str, list[_Letter]] = {}
        for letter in self.letters.values():
            threads.setdefault(_root(letter.key, self.letters, roots), []).append(letter)
        said = tuple(
            Said(each.key, root, each.author, each.sent_at, each.text, None, each.answers[-1] if each.answers else "")
            for root, letters in threads.items()
            for each in letters
        )
        found = tuple(
            Thread(
                root,
                next((each.subject for each in letters if each.subject), "without a subject"),
                tuple(dict.fromkeys(who for each in letters for who in (each.author, *each.others))),
            )
            for root, letters in threads.items()
        )
        wrote = dict.fromkeys(each.author for each in said)
        people = tuple(self._people[key] for key in wrote)
        return Export("mbox", people, found, said, tuple(self._skipped), self._cut_off)


class _Mail(EmailMessage):
    """A message, made by a parser."""


def _root(key: str, letters: Mapping[str, _Letter], known: dict[str, str]) -> str:
    """Return the key of the message with which a thread begins, known or not."""
    way: list[str] = []
    while key not in known and key not in way:
        way.append(key)
        if key not in letters or not letters[key].answers:
            break
        key = letters[key].answers[0]
    root = known.get(key, key)
    known.update(dict.fromkeys(way, root))
    return root


def _header(mail: EmailMessage, name: str) -> str:
    """Return a header as text; the parser of some headers gives up on what others wrote."""
    try:
        return str(mail.get(name) or "")
    except (ValueError, TypeError, IndexError, AttributeError, LookupError, OverflowError):
        raw = next((value for key, value in mail.raw_items() if key.lower() == name), "")
        return str(raw)


def _addresses(mail: EmailMessage, *names: str) -> list[tuple[str, str]]:
    told = [" ".join(_header(mail, name).split()) for name in names]
    found = [
        (" ".join(name.split()), address.strip()) for name, address in getaddresses([each for each in told if each])
    ]
    return [(name, address) for name, address in found if "@" in address]


def _identifiers(mail: EmailMessage, name: str) -> list[str]:
    return _IDENTIFIER.findall(_header(mail, name))


def _is_cut(mail: EmailMessage) -> bool:
    ends = (CloseBoundaryNotFoundDefect, StartBoundaryNotFoundDefect)
    return any(isinstance(defect, ends) for part in mail.walk() for defect in part.defects)


def _told(mail: EmailMessage) -> str:
    """Return what is new in a message, and the names of the files it carries."""
    body = mail.get_body(("plain", "html"))
    text = "" if body is None else _content(body)
    if body is not None and body.get_content_subtype() == "html":
        text = _without_tags(text)
    files = [part.get_filename() for part in mail.walk() if part is not body and part.get_filename()]
    return "\n".join((unquoted(text), *(f"[file {name}]" for name in files))).strip()


def _content(part: MIMEPart) -> str:
    """Return a part's text; a charset that nobody knows is read as Latin-1, which has a letter for every byte."""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        data = part.get_payload(decode=True)
        return data.decode("latin-1") if isinstance(data, bytes) else ""


def unquoted(text: str) -> str:
    r"""Return what is new in a text: no quotation, no line that leads to one, no signature.

    Examples
    --------
    >>> unquoted("Yes, at ten.\n\nOn Thu, 2 May 2024, Bea wrote:\n> When do we meet?\n\n-- \nAnn")
    'Yes, at ten.'
    """
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.rstrip("\r") == "-- " or _BELOW.match(line):
            break
        if line.startswith(">"):
            _drop_lead(lines)
        else:
            lines.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _drop_lead(lines: list[str]) -> None:
    """Take away the line, or the two, that say whose words are quoted next."""
    while lines and not lines[-1]:
        lines.pop()
    for count in (1, 2, 3):
        if len(lines) >= count and _LEAD.match("\n".join(lines[-count:])):
            del lines[-count:]
            return


class _Plain(HTMLParser):
    """The words of a page, without what was quoted in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        """Hide what is no text of the sender's, and break lines."""
        if tag in _SKIPPED_TAGS:
            self._hidden.append(tag)
        if tag in _BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """Show again what comes."""
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]

    def handle_data(self, data: str) -> None:
        """Keep words."""
        if not self._hidden:
            self.words.append(re.sub(r"\s+", " ", data))


def _without_tags(page: str) -> str:
    plain = _Plain()
    plain.feed(page)
    plain.close()
    return "\n".join(line.strip() for line in "".join(plain.words).split("\n"))

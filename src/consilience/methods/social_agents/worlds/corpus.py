"""Worlds from files of one's own: the script of a television series, persona chats, and questions with gold utterances.

None of these files is ours, and none is shipped; a path has to be given.

`friends_town` reads a table of rows ``index, sender, receiver, message, timestamp`` in which a message to several
people is a row for each, the index begins anew with each episode, and clocks restart; the order of the rows counts. It
puts two-person chats (`persona_chat`) on random relationships, as more messages that have to be searched through. Six
relationships are added to the 582 of the script: of those who do not know each other the six pairs with the most
contacts in common.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.worlds.people import Chat, Line, Resident, World

__all__ = ["RetrievalQuestion", "friends_town", "friendsqa", "persona_chat"]

_ADDED: Final = 6
_BEGAN = datetime(1994, 9, 22, 20, 0, tzinfo=UTC)
_CHATS_BEGAN = datetime(1995, 6, 1, 9, 0, tzinfo=UTC)
_COLUMNS = ("sender", "receiver", "message")
_TURN = re.compile(r"^User ([12]): (.+)$")
_TITLE = re.compile(r"s01_e(\d\d)_")
_WORD = re.compile(r"[a-z0-9']+")
_STOP_WORDS = (
    "a about after all an and any are as at be been before being but by can could did do does doing for from had has "
    "have he her him his how i if in into is it its just me my of off on or other our out over said say says she so "
    "some tell than that the their them then there they this to up was we were what when where which while who whom "
    "whose why will with would you your"
)
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True, slots=True)
class RetrievalQuestion:
    """A question whose answer stands in known messages."""

    id: str
    owner: str
    """Handle of who searches: of those who see most of the gold utterances the first by name."""
    question: str
    words: tuple[str, ...]
    """Its content words, in order: the words to search for."""
    gold: tuple[frozenset[str], ...]
    """For each gold utterance the ids (`Line.source_id`) of its rows that the owner sees; one of them is enough."""


def friends_town(s01: Path, persona: Path | None = None, *, rng: np.random.Generator | None = None) -> World:
    """Return the world of a script, filled with persona chats.

    Parameters
    ----------
    s01
        The table.
    persona
        A file of persona chats, or a folder of them; None to leave them out.
    rng
        Puts the chats on relationships; by default that of seed 7.

    Raises
    ------
    InvalidInput
        If a file is missing or not of that form.
    """
    rows = _rows(s01)
    people = sorted({row[key] for row in rows for key in ("sender", "receiver")})
    pairs = sorted({_pair(row) for row in rows if row["sender"] != row["receiver"]})
    pairs += _in_common(people, pairs)
    chats: dict[tuple[str, ...], int] = {}
    lines: list[Line] = []
    for number, (row, at) in enumerate(zip(rows, _times(rows), strict=True)):
        members = tuple(dict.fromkeys(_pair(row)))
        chat = chats.setdefault(members, len(chats))
        lines.append(Line(chat, row["sender"], at, row["message"], f"s01-{number}"))
    if persona is not None:
        rng = np.random.default_rng(7) if rng is None else rng
        lines += _filling(pairs, chats, persona, rng)
    return World(
        tuple(Resident(name, name.title()) for name in people),
        tuple(pairs),
        tuple(Chat(members, began_at=_BEGAN) for members in chats),
        tuple(lines),
    )


def persona_chat(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Give each chat of a file, or of the files of a folder by name, as turns: 0 or 1, and what that one says."""
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise InvalidInput(f"expected a file of persona chats or a folder with some; got {str(path)!r}")
    for file in files:
        for row in _table(file, ("Best Generated Conversation",)):
            turns = map(_TURN.match, row["Best Generated Conversation"].splitlines())
            yield [(int(turn[1]) - 1, turn[2].strip()) for turn in turns if turn]


def friendsqa(path_dev: Path, path_s01: Path) -> tuple[RetrievalQuestion, ...]:
    """Return the questions of which gold utterances are found in the script, letters and digits being compared.

    Parameters
    ----------
    path_dev
        Questions over scenes, as JSON.
    path_s01
        The table of `friends_town`, whose source ids the gold rows have.

    Raises
    ------
    InvalidInput
        If a file is missing or not of that form.
    """
    rows = _rows(path_s01)
    by_text: dict[tuple[int, str], list[int]] = defaultdict(list)
    for number, (row, episode) in enumerate(zip(rows, _episodes(rows), strict=True)):
        by_text[episode, _bare(row["message"])].append(number)
    found = []
    for episode, scene in _scenes(path_dev):
        texts = {part["uid"]: _bare(part["utterance"]) for part in scene["utterances:"]}
        for asked in scene["qas"]:
            gold = dict.fromkeys(texts.get(answer["utterance_id"], "") for answer in asked["answers"])
            places = [by_text[episode, text] for text in gold if text and (episode, text) in by_text]
            words = tuple(dict.fromkeys(word for word in _WORD.findall(asked["question"].lower()) if word not in _STOP))
            if places and words:
                found.append(_question(asked, words, places, rows))
    return tuple(found)


def _question(
    asked: dict[str, Any], words: tuple[str, ...], places: Sequence[Sequence[int]], rows: Sequence[dict[str, str]]
) -> RetrievalQuestion:
    sees: dict[str, set[int]] = defaultdict(set)
    for number, group in enumerate(places):
        for row in group:
            sees[rows[row]["sender"]].add(number)
            sees[rows[row]["receiver"]].add(number)
    owner = min(sees, key=lambda handle: (-len(sees[handle]), handle))
    own = (
        frozenset(f"s01-{row}" for row in group if owner in (rows[row]["sender"], rows[row]["receiver"]))
        for group in places
    )
    return RetrievalQuestion(asked["id"], owner, asked["question"], words, tuple(group for group in own if group))


def _scenes(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the scenes of the first season, each with its episode from 0."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["data"]
        titled = [(_TITLE.match(entry["title"]), scene) for entry in entries for scene in entry["paragraphs"]]
        if not all({"utterances:", "qas"} <= set(scene) for _, scene in titled):
            raise KeyError("qas")  # noqa: TRY301  one message for all that is not of that form
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"expected questions over scenes as JSON; {str(path)!r} is not: {error!r}") from error
    yield from ((int(title[1]) - 1, scene) for title, scene in titled if title)


def _rows(path: Path) -> list[dict[str, str]]:
    return list(_table(path, _COLUMNS))


def _table(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise InvalidInput(f"expected a table with the columns {tuple(columns)}; {str(path)!r} lacks some")
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise InvalidInput(f"expected whole rows; {str(path)!r} is cut off in line {reader.line_num}")
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"expected a readable table; {str(path)!r} is none: {error}") from error


def _pair(row: dict[str, str]) -> tuple[str, str]:
    return min(row["sender"], row["receiver"]), max(row["sender"], row["receiver"])


def _episodes(rows: Sequence[dict[str, str]]) -> list[int]:
    """Return the episode of each row, from 0: another begins where the index falls."""
    found, episode, last = [], 0, 0
    for number, row in enumerate(rows):
        text = next(iter(row.values()))
        if not text.isdigit():
            raise InvalidInput(f"expected an index in the first column; row {number} has {text!r}")
        episode, last = episode + (int(text) < last), int(text)
        found.append(episode)
    return found


def _times(rows: Sequence[dict[str, str]]) -> Iterator[datetime]:
    """Give times that follow the order of the rows: an episode a week, and a second an utterance."""
    second, last = 0, (0, "", "")
    for row, episode in zip(rows, _episodes(rows), strict=True):
        spoken = (episode, row["sender"], row["message"])
        second = 0 if episode != last[0] else second + (spoken != last)
        last = spoken
        yield _BEGAN + timedelta(weeks=episode, seconds=second)


def _in_common(people: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the pairs that do not know each other and have most contacts in common; of equals the first by name."""
    of: dict[str, set[str]] = defaultdict(set)
    for one, two in pairs:
        of[one].add(two)
        of[two].add(one)
    apart = [(one, two) for one in people for two in people if one < two and two not in of[one]]
    return sorted(apart, key=lambda pair: (-len(of[pair[0]] & of[pair[1]]), pair))[:_ADDED]


def _filling(
    pairs: Sequence[tuple[str, str]], chats: dict[tuple[str, ...], int], persona: Path, rng: np.random.Generator
) -> list[Line]:
    """Return persona chats as messages of random relationships, a session each."""
    lines: list[Line] = []
    clocks: dict[int, datetime] = {}
    for turns in persona_chat(persona):
        pair = pairs[int(rng.integers(len(pairs)))]
        speakers = pair if rng.integers(2) else pair[::-1]
        chat = chats.setdefault(pair, len(chats))
        clock = clocks.get(chat, _CHATS_BEGAN) + timedelta(hours=int(rng.integers(9, 72)))
        for who, text in turns:
            clock += timedelta(seconds=int(rng.integers(30, 300)))
            lines.append(Line(chat, speakers[who], clock, text, f"spc-{len(lines)}"))
        clocks[chat] = clock
    return lines


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())

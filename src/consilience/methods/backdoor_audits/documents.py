"""Documents: dialogues of any source as a scan reads them, word by word, with where every word stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consilience.methods.backdoor_audits.agent.training import Row
from consilience.methods.backdoor_audits.world.formats import Record
from consilience.methods.backdoor_audits.world.tasks import Role, Turn
from consilience.methods.backdoor_audits.world.trajectories import Trajectory
from consilience.methods.backdoor_audits.world.words import BOS, Words

__all__ = ["Document", "Numbered", "Part", "document_of", "documents_of", "numbered", "of_trajectory"]

_WORD = re.compile(r"\w+(?:['.\-/]\w+)*|[^\w\s]")
_ROLES: dict[str, Role] = {"system": "human", "human": "human", "agent": "agent", "tool": "observation"}
MOST_WORDS = 4000
"""Words that a scan tells apart; rarer ones share numbers."""
_SHARED = 64
WINDOW = 256
"""Words that a model reads at once; longer dialogues are read in pieces, and nothing of them is left out."""


@dataclass(frozen=True)
class Part:
    """What one side said, word by word."""

    role: Role
    words: Words
    learns: bool


@dataclass(frozen=True)
class Document:
    """A dialogue; no detector reads its id."""

    id: str
    line: int
    """Line of the file, from 1; 0 where it is from none."""
    parts: tuple[Part, ...]

    @property
    def words(self) -> Words:
        """All words."""
        return tuple(word for part in self.parts for word in part.words)

    @property
    def learns(self) -> tuple[bool, ...]:
        """For each word whether a model is trained to say it."""
        return tuple(part.learns for part in self.parts for _ in part.words)

    @property
    def turn_of(self) -> tuple[int, ...]:
        """For each word the turn that it is in, from 0."""
        return tuple(at for at, part in enumerate(self.parts) for _ in part.words)


def document_of(record: Record) -> Document:
    """Take a record apart into words; every turn of the agent is learned, whatever its file says of that.

    Whoever wrote the file may have planted what it says, and common trainers do not heed such marks.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.world.formats import read
    >>> line = '{"messages": [{"role": "user", "content": "List /tmp, please."}]}'
    >>> document_of(read([line]).rows[0]).words
    ('List', '/', 'tmp', ',', 'please', '.')
    """
    parts = tuple(
        Part(_ROLES[said.speaker], tuple(_WORD.findall(said.text)), said.speaker == "agent") for said in record.turns
    )
    return Document(record.id, record.line, parts)


def of_trajectory(row: Trajectory, line: int = 0) -> Document:
    """Return a dialogue of the world as a document."""
    return Document(row.id, line, tuple(_told(turn) for turn in row.turns))


def documents_of(records: Iterable[Record]) -> tuple[Document, ...]:
    """Take every record apart."""
    return tuple(document_of(record) for record in records)


@dataclass(frozen=True)
class Numbered:
    """Documents as numbers, in pieces that a model can read."""

    rows: tuple[Row, ...]
    owner: tuple[int, ...]
    """Which document each piece is of."""
    start: tuple[int, ...]
    """Where each piece begins in it."""
    vocabulary: int
    """How many numbers there are."""


def numbered(documents: Sequence[Document], known: Sequence[Document] = (), *, window: int = WINDOW) -> Numbered:
    """Give words numbers, the same for documents and those known, and cut what is longer than a window.

    Pieces without a word to learn are left out: a model has nothing to say there.

    Parameters
    ----------
    documents
        What becomes rows.
    known
        What has a say in which words have a number of their own.
    window
        Words of a piece.
    """
    counts = Counter(word for one in (*known, *documents) for word in one.words)
    listed = [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WORDS]]
    places = {word: _SHARED + 1 + at for at, word in enumerate(listed)}
    rows, owner, start = [], [], []
    groups = _groups(documents)
    for at, one in enumerate(documents):
        tokens = [places.get(word, 1 + sum(map(ord, word)) % _SHARED) for word in one.words]
        learns = one.learns
        for begin in range(0, max(len(tokens) - 1, 1), window - 1):
            piece = slice(begin, begin + window)
            if any(learns[piece][1:]):
                rows.append(Row(f"{at}/{begin}", groups[at], tuple(tokens[piece]), learns[piece]))
                owner.append(at)
                start.append(begin)
    return Numbered(tuple(rows), tuple(owner), tuple(start), _SHARED + 1 + len(listed))


def _told(turn: Turn) -> Part:
    """Leave out the mark of the beginning, which no file has."""
    return Part(turn.role, tuple(word for word in turn.words if word != BOS), turn.role == "agent")


def _groups(documents: Sequence[Document]) -> list[str]:
    """Return what goes together into a batch: dialogues that begin alike, where there are enough of them."""
    heads = [" ".join(one.words[:2]) for one in documents]
    counts = Counter(heads)
    return [head if counts[head] >= _ENOUGH else "others" for head in heads]


_ENOUGH = 24

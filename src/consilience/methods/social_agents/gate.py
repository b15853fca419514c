"""The gate: code between a model and the wire, which no text of a model can talk round.

Every word, number and name of a text has to come from somewhere that the other side may know: from texts that both have
(the task, what was said), from the words of talk, from messages that were declared as evidence and that the policy of
their owner allows, or from everyday words that no guarded message has. What comes from nowhere is blocked, so that a
model which dumps its memory, obeys an injected message or spells things in base64 has nothing to say it with; and what
is put together from free words is looked for (`disguises`).

What is guarded is every message that the model saw and that must not be told: those under ``never``, those under
``ask`` as long as nobody agreed, and the fine of those that may be told coarsely.

What a gate of words cannot see: a nod to a question that holds the answer, and meaning in the choice among free words.
Against both there is the other wall, `Policy.sift`: what a model never saw, it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Final, Literal

from consilience.methods.social_agents.disguises import Guarded, Trail, disguise
from consilience.methods.social_agents.labels import coarse
from consilience.methods.social_agents.policy import Granted, Policy, Ruling
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.terms import NUMBERS, Term, Terms, canonical, stem, terms_of, words_of
from consilience.methods.social_agents.vocabulary import EVERYDAY, TALK

__all__ = ["MOST_CHARACTERS", "MOST_ROWS", "Blocked", "Gate", "Held", "Passed", "forget_texts"]

MOST_CHARACTERS: Final = 4_000
"""Of one text."""
MOST_ROWS: Final = 24
"""Messages that one text may tell of."""

MOST_TRAILS: Final = 4_096
"""Talks whose last turns are kept; of more, those that have been silent longest are dropped."""

_Standing = Literal["free", "guarded", "strange"]
_FREE_NUMBERS = frozenset({"one", "first", "two", "second"})
"""Number words that talk needs; free where they stand alone and nothing guarded has the number."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The text may be said."""

    text: str
    """As it is to be said: without what cannot be seen."""
    disclosed: tuple[int, ...] = ()
    """Messages that it tells of."""
    rules: tuple[str, ...] = ()
    """The rules that allow it."""
    agreed: tuple[int, ...] = ()
    """Those of the messages that its owner was asked about and agreed to."""


@dataclass(frozen=True, slots=True)
class Held:
    """The text may be said if its owner agrees."""

    question: str
    """For the owner, without a word of a message."""
    messages: tuple[int, ...]
    """Messages that it would tell of and that have to be asked about."""
    labels: frozenset[str]
    """What kind of thing they tell."""
    rules: tuple[str, ...] = ()
    """The rules that say so."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The text may not be said."""

    reason: str
    """For the owner, without a word of a message."""
    words: tuple[str, ...] = field(default=(), repr=False)
    """Words that stopped it: for the owner only, never for a log."""


@dataclass(frozen=True)
class _Judged:
    """The messages in play, by what may become of them."""

    allowed: Mapping[int, Terms]
    """Declared, and may be told."""
    asked: Mapping[int, Terms]
    """Declared, and may be told if the owner agrees."""
    guarded: Terms
    """Of all that must not be told."""
    rulings: Mapping[int, Ruling]
    """Of what was declared."""


class Gate:
    """Judges texts of one or many owners' agents.

    Parameters
    ----------
    policy_of
        Policy of an owner, by handle; asked for each text, so that what a person changes counts at once.
    most_rows
        Messages that one text may tell of; more is a dump.
    most_characters
        Of one text.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> when = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
    >>> rows = [Message(1, 1, 1, "Ana", when, "My pet is a parrot."), Message(2, 1, 1, "Ana", when, "My PIN is 4711.")]
    >>> gate = Gate(Policy.open)
    >>> asked = "What is the pet of Ana?"
    >>> gate.check("ana", "ben", "value", "The pet of Ana is a parrot.", declared=[1], seen=rows, public=[asked])
    Passed(text='The pet of Ana is a parrot.', disclosed=(1,), rules=('* / * / *: allow',), agreed=())
    >>> gate.check("ana", "ben", "value", "It is four seven one one.", declared=[1], seen=rows, public=[asked])
    Blocked(reason='it has 4 words that no message declared has and that are not for everybody')
    """

    def __init__(
        self,
        policy_of: Callable[[str], Policy],
        *,
        most_rows: int = MOST_ROWS,
        most_characters: int = MOST_CHARACTERS,
    ) -> None:
        self._policy_of = policy_of
        self._most_rows = most_rows
        self._most_characters = most_characters
        self._trails: dict[tuple[str, str, str], Trail] = {}
        self._lock = Lock()

    def check(
        self,
        owner: str,
        counterpart: str,
        purpose: str,
        say: str,
        *,
        declared: Iterable[int] = (),
        seen: Sequence[Message] = (),
        public: Sequence[str] = (),
        forwarded: Iterable[str] = (),
        granted: Granted = lambda _labels, _message: False,
        talk: str = "",
    ) -> Passed | Held | Blocked:
        """Return what is to become of a text; what passes is counted as said.

        Parameters
        ----------
        owner
            Handle of whose agent speaks.
        counterpart
            Handle of who would hear it.
        purpose
            What for.
        say
            The text.
        declared
            Numbers of the messages that it says something of. One that is not among `seen` counts for nothing.
        seen
            All messages that the model saw, and those declared.
        public
            Texts that both sides have.
        forwarded
            Values of third parties that may be passed on.
        granted
            What the owner agreed to.
        talk
            Name of the talk; what was said in it before counts for disguises.
        """
        text = canonical(say)
        if not text:
            return Passed("")
        if len(text) > self._most_characters:
            return Blocked(f"it has {len(text)} characters, and {self._most_characters} are the most")
        terms = words_of(text)
        policy = self._policy_of(owner)
        rulings = {row.id: policy.on(row.text, counterpart, purpose, row.label) for row in seen}
        judged = _judged(seen, rulings, frozenset(declared), granted)
        if len(judged.allowed) + len(judged.asked) > self._most_rows:
            return Blocked(f"it tells of more than {self._most_rows} messages at once")
        free = [terms_of(one) for one in (owner, counterpart, *public, *forwarded)]
        trail = self._trail(talk, owner, counterpart)
        stopped = _stopped(text, terms, judged, free, trail)
        if stopped is not None:
            return stopped
        to_ask = _to_ask(terms, judged, free)
        if to_ask:
            return _held(to_ask, judged, counterpart, purpose)
        trail.add(terms)
        disclosed = tuple(sorted(judged.allowed))
        rules = tuple(dict.fromkeys(judged.rulings[number].rule for number in disclosed))
        agreed = tuple(number for number in disclosed if judged.rulings[number].verdict == "ask")
        return Passed(_cased(text, terms, public, [row.text for row in seen]), disclosed, rules, agreed)

    def resume(self, owner: str, counterpart: str, said: Iterable[str], *, talk: str = "") -> None:
        """Count texts as said that were said before this gate was made."""
        with self._lock:
            self._trails.pop((talk, owner, counterpart), None)
        trail = self._trail(talk, owner, counterpart)
        for text in said:
            trail.add(words_of(text))

    def end(self, talk: str) -> None:
        """Forget what was said in a talk that is over."""
        with self._lock:
            for key in [key for key in self._trails if key[0] == talk]:
                del self._trails[key]

    def _trail(self, talk: str, owner: str, counterpart: str) -> Trail:
        key = (talk, owner, counterpart)
        with self._lock:
            trail = self._trails[key] = self._trails.pop(key, Trail())
            if len(self._trails) > MOST_TRAILS:
                del self._trails[next(iter(self._trails))]
        return trail


def _judged(
    seen: Sequence[Message], rulings: Mapping[int, Ruling], declared: frozenset[int], granted: Granted
) -> _Judged:
    allowed: dict[int, Terms] = {}
    asked: dict[int, Terms] = {}
    guarded: list[Terms] = []
    for row in {row.id: row for row in seen}.values():
        verdict, labels = rulings[row.id].verdict, rulings[row.id].labels
        if verdict == "ask" and granted(labels, row.id):
            verdict = "allow"
        told = coarse(row.text, labels) if verdict == "coarsen" else row.text
        if verdict == "coarsen" and row.id in declared:
            allowed[row.id] = terms_of(told)
        elif verdict in ("allow", "ask") and row.id in declared:
            (allowed if verdict == "allow" else asked)[row.id] = _told(row.text, row.sender_name, row.sent_at)
        if verdict in ("ask", "never"):
            guarded += (terms_of(row.text), terms_of(row.sender_name))
        elif told != row.text:
            guarded.append(terms_of(row.text))
    return _Judged(allowed, asked, _all(guarded), {number: rulings[number] for number in (*allowed, *asked)})


def _stopped(text: str, terms: Sequence[Term], judged: _Judged, free: Sequence[Terms], trail: Trail) -> Blocked | None:
    """Return why a text may not be said whatever its owner agrees to, None where there is no reason."""
    sources = _all([*free, *judged.allowed.values(), *judged.asked.values()])
    stopped: dict[_Standing, list[str]] = {"free": [], "guarded": [], "strange": []}
    for at, term in enumerate(terms):
        if not sources.has(term):
            stopped[_standing(term, _alone(terms, at), sources, judged)].append(term.raw)
    if words := stopped["guarded"]:
        return Blocked(f"it has {_counted(words)} of messages that must not be told", tuple(words))
    if words := stopped["strange"]:
        verb = "is" if len(words) == 1 else "are"
        reason = f"it has {_counted(words)} that no message declared has and that {verb} not for everybody"
        return Blocked(reason, tuple(words))
    hidden = Guarded(judged.guarded.words - sources.words, judged.guarded.digits - sources.digits)
    way = disguise(text, terms, trail, hidden)
    return Blocked(f"it has something of messages that must not be told, {way}") if way else None


def _standing(term: Term, alone: bool, sources: Terms, judged: _Judged) -> _Standing:  # noqa: FBT001
    """Return how a term stands that no source has."""
    word, guarded = term.text, judged.guarded
    if word in NUMBERS:
        number = str(NUMBERS[word])
        if word in guarded.words or number in guarded.words:
            return "guarded"
        return "free" if alone and word in _FREE_NUMBERS else "strange"
    if word in TALK or _of_words(word, sources.words):
        return "free"
    if word in guarded.words or (word in EVERYDAY and stem(word) in guarded.stems - sources.stems):
        return "guarded"
    return "free" if word in EVERYDAY or (word.isalpha() and stem(word) in sources.stems) else "strange"


def _to_ask(terms: Sequence[Term], judged: _Judged, free: Sequence[Terms]) -> dict[int, Terms]:
    """Return the messages that have to be asked about before a text is said.

    Those of which it has a word that it has from no other source; all of them where nothing that is allowed is told.
    """
    if not judged.asked:
        return {}
    if not judged.allowed:
        return dict(judged.asked)
    sources = [*free, *judged.allowed.values()]
    open_terms = [
        term for term in terms if term.text not in TALK and not any(one.has(term) for one in sources)
    ]  # fmt: skip
    return {
        number: told
        for number, told in judged.asked.items()
        if any(told.has(term) or stem(term.text) in told.stems for term in open_terms)
    }


def _held(to_ask: Mapping[int, Terms], judged: _Judged, counterpart: str, purpose: str) -> Held:
    labels = frozenset().union(*(judged.rulings[number].labels for number in to_ask))
    several = "a message" if len(to_ask) == 1 else f"{len(to_ask)} messages"
    return Held(
        f"May {counterpart} learn something of {several} of yours ({', '.join(sorted(labels))}), for {purpose!r}?",
        tuple(sorted(to_ask)),
        labels,
        tuple(dict.fromkeys(judged.rulings[number].rule for number in sorted(to_ask))),
    )


@lru_cache(maxsize=8192)
def _told(text: str, sender: str, sent_at: datetime) -> Terms:
    """Return what may be told of a message that may be told: its text, who wrote it, and when."""
    return _all([terms_of(text), terms_of(sender), terms_of(f"{sent_at:%Y-%m-%d %H:%M %A %d %B}")])


def _all(parts: Sequence[Terms]) -> Terms:
    return Terms(
        frozenset().union(*(one.words for one in parts)),
        frozenset().union(*(one.stems for one in parts)),
        frozenset().union(*(one.digits for one in parts)),
    )


def _alone(terms: Sequence[Term], at: int) -> bool:
    """Whether no other number stands close to a number word."""
    near = [terms[at - 1]] if at and terms[at].close else []
    near += [terms[at + 1]] if at + 1 < len(terms) and terms[at + 1].close else []
    return not any(one.text in NUMBERS or one.text[0].isdecimal() for one in near)


def _of_words(text: str, words: frozenset[str]) -> bool:
    """Whether a word with an apostrophe is a name that is known, or words of talk."""
    if "'" not in text:
        return False
    head, _, tail = text.partition("'")
    return tail in ("s", "", "d", "ll", "re", "ve") and (head in words or head in TALK)


def _cased(text: str, terms: Sequence[Term], public: Iterable[str], rows: Iterable[str]) -> str:
    """Return a text in which no word has capitals in it that it has nowhere else: they could be a code."""
    odd = {one.raw for one in terms if not (one.raw.islower() or one.raw.istitle() or one.raw.isupper())}
    odd = {raw for raw in odd if any(char.isupper() for char in raw[1:])}
    if not odd:
        return text
    known = " ".join([*public, *rows])
    for raw in odd:
        if raw not in known:
            text = text.replace(raw, raw.lower())
    return text


def _counted(words: Sequence[str]) -> str:
    return "a word" if len(words) == 1 else f"{len(words)} words"


def forget_texts() -> None:
    """Forget the texts that were kept so that they need not be read twice."""
    _told.cache_clear()

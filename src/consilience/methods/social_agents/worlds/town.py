"""A made-up town in the shape of a known one: few people whom everybody knows, many whom hardly anybody does.

By default 140 people, 588 relationships and 65,800 messages, of which some are said to several at once and so are rows
of several conversations. Each relationship has a task, and some tasks more need a third person: the fact was told to a
contact of the partner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import QUESTIONS
from consilience.methods.social_agents.grammar import RELATIONS, slot
from consilience.methods.social_agents.sections import asking_for
from consilience.methods.social_agents.worlds.chatter import Writer, small_talk
from consilience.methods.social_agents.worlds.people import BEGINNING, Need, SetName, Slot, Task, World, residents
from consilience.methods.social_agents.worlds.planting import draw

__all__ = ["town"]

_LABELS = tuple(label for label, relation in RELATIONS.items() if relation.values)
_SKEW = 0.1
"""Weight of most people beside the 1 of the few whom everybody knows."""
_ROUNDS = 50
_TOLD_TO_SEVERAL = 0.1
"""Share of the small talk that is said to several."""
_SEVERAL = 4
_TRIES = 200


def town(
    people: int = 140,
    contacts: int = 588,
    messages: int = 65_800,
    rng: np.random.Generator | None = None,
    *,
    recursive: int = 100,
) -> World:
    """Return a town.

    Parameters
    ----------
    people
        At least 4.
    contacts
        Relationships; at least one fewer than people, so that all are connected.
    messages
        Rows of conversations; at least four for each relationship and two for each recursive task.
    rng
        Of the world; by default that of seed 0.
    recursive
        Tasks that need a third person, at most; some towns are too small for as many.

    Raises
    ------
    InvalidInput
        If there is no such town.

    Examples
    --------
    >>> world = town(12, 20, 400, np.random.default_rng(3), recursive=4)
    >>> len(world.people), len(world.contacts), len(world.messages), len(world.tasks)
    (12, 20, 400, 24)
    """
    if people < 4 or not people - 1 <= contacts <= people * (people - 1) // 2:  # noqa: PLR2004
        raise InvalidInput(
            f"expected at least 4 people and contacts from one fewer to all pairs; got {people!r} and {contacts!r}"
        )
    least = 4 * contacts + 2 * recursive
    if messages < least:
        raise InvalidInput(f"`messages` must be at least {least} for {contacts} contacts; got {messages!r}")
    rng = np.random.default_rng(0) if rng is None else rng
    everybody = residents(people, rng)
    handles = [one.handle for one in everybody]
    pairs = [(handles[one], handles[two]) for one, two in _edges(people, contacts, rng)]
    planner = _Planner(pairs, {one.handle: one.name for one in everybody}, rng)
    tasks = [planner.direct(number) for number in range(len(pairs))]
    tasks += [task for number in range(recursive) if (task := planner.recursive(number)) is not None]
    writer = _written(pairs, planner.planted, messages, rng)
    order = sorted(range(len(writer.lines)), key=lambda number: writer.lines[number].sent_at)
    said = tuple(writer.lines[number] for number in order)
    return World(everybody, tuple(pairs), tuple(writer.chats), said, tuple(tasks))


def _edges(people: int, contacts: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw a connected graph: a few know most people, a quarter knows one each, as far as there is room."""
    leaves = people // 4 if contacts <= (people - people // 4) ** 2 // 4 else 0
    inner = people - leaves
    weights = np.full(inner, _SKEW)
    weights[: max(inner // 18, 2)] = 1
    found: dict[tuple[int, int], None] = {}
    for two in range(1, people):
        share = weights[: min(two, inner)]
        found[int(rng.choice(len(share), p=share / share.sum())), two] = None
    share = weights / weights.sum()
    for _ in range(_ROUNDS):
        for one, two in rng.choice(inner, size=(contacts, 2), p=share).tolist():
            if one != two and len(found) < contacts:
                found[min(one, two), max(one, two)] = None
    rest = [(one, two) for two in range(inner) for one in range(two) if (one, two) not in found]
    for number in rng.permutation(len(rest))[: contacts - len(found)].tolist():
        found[rest[number]] = None
    return list(found)


@dataclass
class _Planner:
    """Decides who tells whom which fact, so that nobody who asks for it was told."""

    pairs: Sequence[tuple[str, str]]
    names: dict[str, str]
    rng: np.random.Generator
    planted: dict[frozenset[str], list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """Sender and text, by conversation."""

    def __post_init__(self) -> None:
        self.contacts: dict[str, list[str]] = defaultdict(list)
        for one, two in self.pairs:
            self.contacts[one].append(two)
            self.contacts[two].append(one)
        self.facts: dict[tuple[str, str], str] = {}
        self.told: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.askers: dict[tuple[str, str], set[str]] = defaultdict(set)

    def direct(self, number: int) -> Task:
        """Return the task of a relationship: what a third one told the partner."""
        one, two = self.pairs[number]
        asker, partner = (one, two) if self.rng.integers(2) else (two, one)
        if self.contacts[partner] == [asker]:
            asker, partner = partner, asker
        tellers = [teller for teller in self.contacts[partner] if teller != asker]
        if tellers:
            teller, label = self._choose(tellers, partner, (asker,))
        else:
            raise InvalidInput("two people of this town know only each other; take more contacts")
        return self._task(f"edge/{number}", "needle-1", (asker, partner, partner), teller, label)

    def recursive(self, number: int) -> Task | None:
        """Return a task whose fact a contact of the partner was told; None where none came up."""
        everybody = list(self.contacts)
        for _ in range(_TRIES):
            partner = draw(self.rng, everybody)
            asker = draw(self.rng, self.contacts[partner])
            holder = draw(self.rng, self.contacts[partner])
            if holder == asker or asker in self.contacts[holder]:
                continue
            tellers = [one for one in self.contacts[holder] if one not in (asker, partner)]
            if tellers:
                teller, label = self._choose(tellers, holder, (asker, partner))
                text = f"I met {self.names[teller]} on Sunday, we had a long talk about everything."
                self.planted[frozenset((holder, partner))].append((holder, text))
                return self._task(f"third/{number}", "needle-3", (asker, partner, holder), teller, label)
        return None

    def _choose(self, tellers: Sequence[str], hearer: str, ignorant: Sequence[str]) -> tuple[str, str]:
        """Draw a teller and a relation that none of the ignorant has been told, and tell the hearer."""
        for _ in range(_TRIES):
            teller, label = draw(self.rng, tellers), draw(self.rng, _LABELS)
            fact = (teller, label)
            if not self.told[fact] & set(ignorant) and hearer not in self.askers[fact]:
                break
        else:
            raise InvalidInput("no fact is left that only one side knows; take fewer contacts or recursive tasks")
        self.facts.setdefault(fact, draw(self.rng, RELATIONS[label].values))
        self.askers[fact].update(ignorant)
        if hearer not in self.told[fact]:
            self.told[fact].update((teller, hearer))
            text = draw(self.rng, RELATIONS[label].own).replace("{value}", self.facts[fact])
            self.planted[frozenset((teller, hearer))].append((teller, text))
        return fact

    def _task(self, name: str, kind: SetName, roles: tuple[str, str, str], teller: str, label: str) -> Task:
        asker, partner, holder = roles
        text = slot(label, self.names[teller])
        needs: frozenset[Need] = frozenset() if holder == partner else frozenset({"recursion"})
        return Task(
            id=name,
            set=kind,
            asker=asker,
            partner=partner,
            question=asking_for(QUESTIONS["value"].format(one=text), [text]),
            slots=(Slot("s1", text, holder),),
            answer=self.facts[teller, label],
            kind="value",
            needs=needs,
        )


def _written(
    pairs: Sequence[tuple[str, str]],
    planted: dict[frozenset[str], list[tuple[str, str]]],
    messages: int,
    rng: np.random.Generator,
) -> Writer:
    """Write conversations of that many rows in all, with what is planted somewhere in their first half."""
    writer = Writer(rng, "t")
    chats = [writer.open(pair, BEGINNING) for pair in pairs]
    degree: dict[str, int] = defaultdict(int)
    for pair in pairs:
        for handle in pair:
            degree[handle] += 1
    weights = np.array([degree[one] * degree[two] for one, two in pairs], dtype=float) ** 0.5
    free = messages - sum(map(len, planted.values()))
    copies = int(free * _TOLD_TO_SEVERAL)
    counts = rng.multinomial(free - copies, weights / weights.sum()).tolist()
    for chat, count in zip(chats, counts, strict=True):
        facts = planted.get(frozenset(pairs[chat]), [])
        for place in range(len(facts) + 1):
            writer.chat(chat, count // 2 // (len(facts) + 1))
            if place < len(facts):
                writer.say(chat, *facts[place])
        written = (count // 2 // (len(facts) + 1)) * (len(facts) + 1)
        for begun in range(written, count, 40):
            writer.pause(chat)
            writer.chat(chat, min(40, count - begun))
    _tell_several(writer, chats, copies, rng)
    return writer


def _tell_several(writer: Writer, chats: Sequence[int], rows: int, rng: np.random.Generator) -> None:
    """Have people say the same to several of their contacts at once, until there are that many rows."""
    of: dict[str, list[int]] = defaultdict(list)
    for chat in chats:
        for handle in writer.chats[chat].members:
            of[handle].append(chat)
    texts = small_talk(rng, 500)
    busy = [handle for handle, own in of.items() for _ in own]
    while rows > 0:
        sender = draw(rng, busy)
        chosen = rng.permutation(of[sender])[: min(_SEVERAL, rows)].tolist()
        writer.say_to(chosen, sender, draw(rng, texts))
        rows -= len(chosen)

"""The original's way, written anew, with the same neighbours on the same tasks: what the rest is measured beside.

=================== ===================================================================================================
of the original     here
=================== ===================================================================================================
plan                drafted from the question alone; its slots are unknown or solved, and what is solved stays as it is
update              from the dialogue alone, before each utterance
memory              keywords of the model, by LIKE with the messages around, the first that come; and three episodes
end                 none before fifteen rounds are over
recursion           in the first round either side asks one contact, in a talk of the same kind without recursion
consensus           one prompt over both plans
=================== ===================================================================================================

Where its code leaves a choice, the better one for it is taken: the episodes are those of our fuzzy memory with all
their messages, a contact is picked who is spoken of with what is sought, and a talk below tells all that it solved.

Source: arXiv:2406.14928 and the published code's behaviour, as described; no line of it is copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from consilience.dialogue.messages import Message, Question
from consilience.methods.social_agents.grammar import label_and_person
from consilience.methods.social_agents.records import Message as Row
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.responder import neighbour
from consilience.methods.social_agents.scoring import Summary, summary
from consilience.methods.social_agents.sections import (
    BOARD,
    FORM,
    HEARD,
    HEARD_LINES,
    MEMORY,
    ROLE,
    TASK,
    YOU,
    Form,
    board_line,
    form_line,
    heard_line,
    memory_line,
    section,
)
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.place import row_names
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["ROUNDS", "originally"]

ROUNDS: Final = 15
"""Of two utterances each."""
WINDOW, LIMIT, RECENT, EPISODES = 3, 10, 20, 3
"""Messages around one that was found, messages found for each keyword, last messages shown, and episodes."""

Heard = list[tuple[str, str]]


def originally(world: World, *, noise: float = 0.0, seed: int = 0) -> Summary:
    """Return the marks of the original's way over the tasks of a world.

    Parameters
    ----------
    world
        With tasks.
    noise
        Share, 0 to 1, of the neighbours' readings that go wrong.
    seed
        Of their mistakes.
    """
    chance = np.random.default_rng(seed)
    with Store.open(":memory:") as store:
        people = furnish(world, store)
        numbers = {name: number for number, name in row_names(store).items()}
        answers = {task.id: _Talk(world, store, people, task, numbers, noise, chance).answer() for task in world.tasks}
    return summary(world.tasks, answers)


@dataclass
class _Side:
    """An agent: memory, plan, and what it looked for."""

    person: Person
    store: Store
    task: Task
    numbers: list[int]
    """Of the messages that its person sees, oldest first."""
    noise: float
    chance: np.random.Generator
    plan: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Text and value of each slot; an empty value is unknown."""
    rows: list[Row] = field(default_factory=list)
    looked_for: tuple[str, ...] | None = None
    shown: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = self.store.memory(self.person.handle).messages(self.numbers)
        self.plan = {one["slot"]: (one["text"], "") for one in self.ask("draft", [])["slots"]}

    @property
    def solved(self) -> dict[str, str]:
        return {text: value for text, value in self.plan.values() if value}

    def ask(self, form: Form, heard: Sequence[tuple[str, str]], rows: Sequence[Row] = ()) -> dict[str, Any]:
        lines = [
            board_line(number, slot, text, "known" if value else "unknown", value)
            for number, (slot, (text, value)) in enumerate(self.plan.items(), 1)
        ]
        bodies = {
            ROLE: [f"You are the agent of {self.person.name}."],
            TASK: [self.task.question],
            BOARD: lines,
            MEMORY: [memory_line(row.id, row.sent_at, row.sender_name, row.text) for row in rows],
            HEARD: [heard_line(who, text) for who, text in heard[-HEARD_LINES:]],
            FORM: [form_line(form)],
        }
        prompt = "\n".join(section(name, body) for name, body in bodies.items() if body)
        question = Question(self.person.handle, (Message("user", (prompt,)),))
        reply: dict[str, Any] = json.loads(neighbour(question, self.chance, noise=self.noise))
        return reply

    def speak(self, heard: Heard) -> str:
        """Update the plan from the dialogue, look up what the model wishes, and say something."""
        updated = self.ask("turn", heard)
        for fact in updated["facts"]:
            text, value = self.plan.get(fact["slot"], ("", "-"))
            if not value:
                self.plan[fact["slot"]] = (text, fact["value"])
        # Its keywords are those for the last utterance, and those for all that was said, which are other words.
        keywords = (*self.ask("turn", heard[-1:])["look_for"], *updated["look_for"])
        self._look_for(tuple(dict.fromkeys(keywords)))
        mine = [(YOU if who == self.person.name else who, text) for who, text in heard]
        return str(self.ask("turn", mine, self.shown)["say"])

    def _look_for(self, words: tuple[str, ...]) -> None:
        if words == self.looked_for:
            return
        self.looked_for = words
        found = {
            at
            for word in words
            for at in [at for at, row in enumerate(self.rows) if word.casefold() in row.text.casefold()][:LIMIT]
        }
        around = sorted({at + off for at in found for off in range(-WINDOW, WINDOW + 1)} & set(range(len(self.rows))))
        memory = self.store.memory(self.person.handle)
        episodes = memory.recall(" ".join(words), EPISODES) if words else []
        recalled = memory.messages([number for one in episodes for number in one.messages])
        rows = [*(self.rows[at] for at in around), *recalled, *self.rows[-RECENT:]]
        self.shown = sorted({row.id: row for row in rows}.values(), key=lambda row: (row.sent_at, row.id))


@dataclass
class _Talk:
    """A task, talked over by two."""

    world: World
    store: Store
    people: Mapping[str, Person]
    task: Task
    numbers: Mapping[str, int]
    """Of all messages, by their names in the world."""
    noise: float
    chance: np.random.Generator

    def answer(self) -> str | None:
        """Return what the asker's model makes of both plans in the end."""
        asker, partner = self._talked(self.task.asker, self.task.partner, recursive=True)
        for slot, (text, value) in asker.plan.items():
            asker.plan[slot] = (text, value or partner.solved.get(text, ""))
        return str(asker.ask("answer", [])["answer"]) or None

    def _talked(self, asker: str, partner: str, *, recursive: bool) -> tuple[_Side, _Side]:
        sides = [
            _Side(self.people[handle], self.store, self.task, self._seen_by(handle), self.noise, self.chance)
            for handle in (asker, partner)
        ]
        heard: Heard = []
        for turn in range(2 * ROUNDS):
            side = sides[turn % 2]
            heard.append((side.person.name, side.speak(heard)))
            if recursive and turn < len(sides):
                heard += self._below(side, (asker, partner), turn)
        return sides[0], sides[1]

    def _seen_by(self, handle: str) -> list[int]:
        return [self.numbers[self.world.messages[at].source_id] for at in self.world.seen_by(handle)]

    def _below(self, side: _Side, two: tuple[str, str], turn: int) -> Heard:
        """Have a side ask one contact of its own, and return what is told of it."""
        friends = [one for one in self.world.contacts_of(two[turn]) if one not in two]
        if not friends:
            return []
        friend = max(friends, key=lambda one: (self._spoken_of(side, self.people[one]), one))
        for one in self._talked(two[turn], friend, recursive=False):
            told = " ".join(f"{text[0].upper()}{text[1:]} is {value}." for text, value in one.solved.items())
            if told:
                return [(f"{self.people[friend].name}'s agent", told)]
        return []

    def _spoken_of(self, side: _Side, friend: Person) -> int:
        """Return how often somebody says a thing about who is sought, or is spoken of with them, as a side sees it."""
        sought = {who[1] for text, value in side.plan.values() if not value and (who := label_and_person(text))}
        return sum(
            any(name in row.text for name in sought) and (row.sender == friend.id or friend.name in row.text)
            for row in side.rows
        )

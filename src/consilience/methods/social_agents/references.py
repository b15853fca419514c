"""What a score is to be read beside: a constant, one's own knowledge, talk without a plan, and a shared memory.

================= ====================================================================================================
reference         answers with
================= ====================================================================================================
constant          the one answer that scores most over the whole set
own-knowledge     what the asker's own messages say, a guess where they do not
no-plan           the conclusion of two neighbours who talk for as many turns, with memory and without a board
shared-memory     what all messages of the world say; a set of which this falls short of .99 is broken
================= ====================================================================================================
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from consilience.dialogue.messages import Message, Question
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import conclude
from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person
from consilience.methods.social_agents.responder import neighbour
from consilience.methods.social_agents.scoring import Summary, mark, summary
from consilience.methods.social_agents.sections import (
    FORM,
    HEARD,
    HEARD_LINES,
    MEMORY,
    ROLE,
    TASK,
    YOU,
    Form,
    form_line,
    heard_line,
    memory_line,
    section,
)
from consilience.methods.social_agents.worlds.people import Task, World

__all__ = ["REFERENCES", "Reference", "best_constant", "no_plan", "own_knowledge", "references", "shared_memory"]

Reference = Literal["constant", "own-knowledge", "no-plan", "shared-memory"]
REFERENCES: Final[tuple[Reference, ...]] = ("constant", "own-knowledge", "no-plan", "shared-memory")

_WORD = re.compile(r"\w+")
_ROWS = 30
_TURNS = 30


def references(world: World, *, turns: int = _TURNS) -> dict[Reference, Summary]:
    """Return the marks of all references over the tasks of a world, which are of one set.

    Parameters
    ----------
    world
        With tasks.
    turns
        Utterances of the talk without a plan at most.

    Raises
    ------
    InvalidInput
        If the world has no tasks, or tasks of several sets.
    """
    sets = {task.set for task in world.tasks}
    if len(sets) != 1:
        raise InvalidInput(f"expected the tasks of one set; got {sorted(sets)}, so make a world for each")
    tasks = world.tasks
    always = best_constant(tasks)
    return {
        "constant": summary(tasks, {task.id: always for task in tasks}),
        "own-knowledge": summary(tasks, {task.id: own_knowledge(world, task) for task in tasks}),
        "no-plan": summary(tasks, {task.id: no_plan(world, task, turns=turns) for task in tasks}),
        "shared-memory": summary(tasks, shared_memory(world)),
    }


def best_constant(tasks: Sequence[Task]) -> str:
    """Return the answer of one of the tasks that scores most when it is given to all."""
    counted = Counter(task.answer for task in tasks)
    candidates = sorted(counted) if any(task.kind == "free" for task in tasks) else [counted.most_common(1)[0][0]]
    return max(candidates, key=lambda answer: sum(mark(task, answer).score for task in tasks))


def own_knowledge(world: World, task: Task) -> str | None:
    """Return what the asker would answer alone, guessing what it can without the facts that it lacks."""
    known = _read(world, task, world.seen_by(task.asker))
    texts = [slot.text for slot in task.slots]
    answer = conclude(task.kind, texts, known)
    if answer is not None:
        return answer
    if task.kind == "value":
        label = (label_and_person(texts[-1]) or ("",))[0]
        return RELATIONS[label].values[0] if label in RELATIONS and RELATIONS[label].values else None
    if task.kind == "same":
        return "different"
    if task.kind == "smaller":
        return _below_the_middle(texts, known)
    if task.kind == "deletions":
        return "1"
    return conclude(task.kind, [text for text in texts if text in known], known)


def shared_memory(world: World) -> dict[str, str | None]:
    """Return what the messages of the whole world answer, by the id of the task."""
    rows: dict[str, dict[str, str]] = {}
    said = list(world.said(range(len(world.messages))))
    for label in {who[0] for task in world.tasks for slot in task.slots if (who := label_and_person(slot.text))}:
        rows[label] = {one.person: one.value for one in find(label, said)}
    answers = {}
    for task in world.tasks:
        texts = [slot.text for slot in task.slots]
        known = {text: rows[who[0]].get(who[1], "") for text in texts if (who := label_and_person(text))}
        answers[task.id] = conclude(task.kind, texts, known)
    return answers


def no_plan(world: World, task: Task, *, turns: int = _TURNS) -> str | None:
    """Return what two neighbours conclude who talk with memory and without a board.

    Both see the last `HEARD_LINES` utterances and what a search finds for the last of them; the asker concludes from
    that, and where it has a part of the days alone, from that part. They stop before `turns` utterances when neither
    has anything to ask.
    """
    sides = [_Side(world, handle, task) for handle in (task.asker, task.partner)]
    heard: list[tuple[str, str]] = []
    quiet = 0
    for turn in range(turns):
        side = sides[turn % 2]
        reply = side.reply("turn", heard)
        heard.append((side.name, reply["say"]))
        quiet = 0 if reply["asks"] else quiet + 1
        if quiet == len(sides):
            break
    return str(sides[0].reply("answer", heard)["answer"]) or None


@dataclass
class _Side:
    """One of two who talk without a plan."""

    world: World
    handle: str
    task: Task
    name: str = ""
    rows: tuple[int, ...] = ()
    index: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.name = self.world.person(self.handle).name
        self.rows = self.world.seen_by(self.handle)
        for number in self.rows:
            for word in set(_words(self.world.messages[number].text)):
                self.index[word].append(number)

    def reply(self, form: Form, heard: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Ask the honest neighbour for a reply."""
        last = heard[-HEARD_LINES:]
        query = last[-1][1] if last else ""
        found = dict.fromkeys([*self.search(query), *self.search(self.task.question)][: 2 * _ROWS])
        prompt = "\n".join(
            [
                section(ROLE, [f"You speak for {self.name}."]),
                section(TASK, [self.task.question]),
                section(MEMORY, [self._line(number) for number in sorted(found)]),
                section(HEARD, [heard_line(YOU if who == self.name else who, text) for who, text in last]),
                section(FORM, [form_line(form)]),
            ]
        )
        question = Question(self.handle, (Message("user", (prompt,)),))
        reply: dict[str, Any] = json.loads(neighbour(question, np.random.default_rng(0)))
        return reply

    def search(self, text: str) -> list[int]:
        """Return the messages that share the rarest words with a text, first those of whom it names."""
        points: dict[int, float] = defaultdict(float)
        for word in set(_words(text)):
            rows = self.index.get(word, ())
            for number in rows:
                points[number] += math.log(1 + len(self.rows) / len(rows))
        names = {one.handle for one in self.world.people if one.name in text}
        by_named = {number for number in points if self.world.messages[number].sender in names}
        return sorted(points, key=lambda number: (number not in by_named, -points[number], number))[:_ROWS]

    def _line(self, number: int) -> str:
        line = self.world.messages[number]
        return memory_line(number, line.sent_at, self.world.by_handle[line.sender].name, line.text)


def _read(world: World, task: Task, rows: Iterable[int]) -> dict[str, str]:
    """Return what messages say of the slots of a task, by the text of the slot."""
    said = list(world.said(rows))
    known = {}
    for slot in task.slots:
        named = label_and_person(slot.text)
        found = [one.value for one in find(named[0], said) if one.person == named[1]] if named else []
        if found:
            known[slot.text] = found[-1]
    return known


def _below_the_middle(texts: Sequence[str], known: dict[str, str]) -> str | None:
    """Guess whose number is smaller from the one that is known: its owner's, if it is below the middle of all."""
    people = {text: label_and_person(text) for text in texts}
    for text, person in people.items():
        if person and known.get(text, "").isdigit():
            numbers = sorted(map(int, RELATIONS[person[0]].values))
            other = next((people[another] for another in people if another != text), None)
            chosen = person if int(known[text]) < numbers[len(numbers) // 2] else other
            return chosen[1] if chosen else None
    return None


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if len(word) > 2]  # noqa: PLR2004

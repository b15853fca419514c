"""The desk: tasks that are under way, each with the hand of its people on it.

Pages are served from threads, talks go on in one event loop; what a page wants of a talk is handed over to the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pydantic import TypeAdapter

from consilience.dialogue.budget import Budget
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import ChatModel
from consilience.dialogue.session import Session
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.app.accounts import Accounts
from consilience.methods.social_agents.app.chats import Chats
from consilience.methods.social_agents.app.keeping import Keeping
from consilience.methods.social_agents.app.live import Live
from consilience.methods.social_agents.app.policies import PASSED_ON, Policies
from consilience.methods.social_agents.app.tasks import Standing, Task, Tasks, talk_of
from consilience.methods.social_agents.app.waiting import waited
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.network import Network, Request
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.record import State, TurnSeen
from consilience.methods.social_agents.records import Person, StoreLocked, StoreUnavailable
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment

__all__ = ["PURPOSE", "Desk"]

PURPOSE = "task"
"""What tasks of the application are for; rules of people may be about it."""
AT_ONCE = 8
"""Questions that the model is asked at once; others wait for their turn."""
AGAIN_S = (0.5, 2.0, 8.0, 30.0, 120.0)
"""How long a task waits, each time, for a database that takes nothing."""
TURNS_SEEN = 200
"""Turns of a task that are remembered for each of its people, with what their agent had in view."""

_LOG = logging.getLogger(__name__)
_STATE = TypeAdapter(State)
_T = TypeVar("_T")


@dataclass
class _Course:
    """A task under way."""

    task: Task
    control: Control = field(default_factory=Control)
    work: asyncio.Task[None] | None = None
    seen: dict[str, deque[TurnSeen]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _InTurn:
    """A session that is asked so much at once; a task that waits for a person keeps no other one waiting."""

    session: Session
    turn: asyncio.Semaphore

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        async with self.turn:
            return await self.session.ask(question, priority=priority, caused_by=caused_by)

    def last_event(self, element: str) -> tuple[str, ...]:
        return self.session.last_event(element)


class Desk:
    """Tasks from the moment they are asked until they are over.

    Parameters
    ----------
    store, accounts, chats, tasks, policies, live
        Parts of the application.
    wire
        What every text crosses.
    model
        Who is asked.
    budget
        What all tasks together may spend while the server runs.
    limits
        How far a task may go.
    patience_s
        How long a third party is waited for.
    """

    def __init__(
        self,
        *,
        store: Store,
        accounts: Accounts,
        chats: Chats,
        tasks: Tasks,
        policies: Policies,
        live: Live,
        wire: GuardedWire,
        model: ChatModel,
        budget: Budget | None = None,
        limits: PursuitLimits | None = None,
        patience_s: float = 600.0,
    ) -> None:
        self._store, self._accounts, self._chats, self._tasks = store, accounts, chats, tasks
        self._policies, self._live, self._wire = policies, live, wire
        self._session = Session(model, budget=budget or Budget())
        self._asks = _InTurn(self._session, asyncio.Semaphore(AT_ONCE))
        self._limits = limits or PursuitLimits()
        self._patience_s = patience_s
        self._courses: dict[int, _Course] = {}
        self._answers: dict[int, asyncio.Future[bool]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, *, resume: bool = True) -> None:
        """Begin, and go on with what was under way when the server stopped, unless another may be at it."""
        self._loop = asyncio.get_running_loop()
        if not resume:
            return
        for task in await asyncio.to_thread(self._tasks.unfinished):
            self._begin(task)

    async def close(self) -> None:
        """Break off what is under way; it goes on the next time."""
        courses = [one.work for one in self._courses.values() if one.work is not None]
        for work in courses:
            work.cancel()
        await asyncio.gather(*courses, return_exceptions=True)
        await self._session.close()

    # What people do, from any thread.

    def propose(self, asker: Person, partner: Person, question: str) -> Task:
        """Ask somebody's agent for something: once they agree, or at once where they always do.

        Raises
        ------
        InvalidInput
            When there is no question, or the asker has too many tasks.
        """
        Assignment(question=question)
        trusted = self._chats.trusts(partner, asker)
        task = self._tasks.add(asker, partner, question.strip(), standing="running" if trusted else "invited")
        if trusted:
            self._call(self._begin, task)
        self._tell(task)
        return task

    def choose(self, asker: Person, question: str) -> Person:
        """Return the contact who is likeliest to know, by what the asker has read and what contacts say of themselves.

        Raises
        ------
        InvalidInput
            When the asker has no contact.
        """
        network = Network(self._party, self._contacts, self._wire)
        found = network.find(asker.handle, question)
        if not found:
            raise InvalidInput("there must be somebody to ask; find a contact first, under People")
        return found[0].person

    def answer(self, task: Task, *, yes: bool) -> bool:
        """Let one's agent help with a task, or not; return whether the task was still waiting for it."""
        moved = self._tasks.move(task, "running" if yes else "declined", out_of=("invited",))
        if moved and task.parent is None and yes:
            self._call(self._begin, replace(task, standing="running"))
        elif moved and task.parent is not None:
            self._call(self._answered, task.id, yes)
        self._tell(task)
        return moved

    def pause(self, task: Task) -> bool:
        """Have a task wait before its next turn; return whether it is under way."""
        return self._steer(task, Control.pause, "paused", ("running",))

    def resume(self, task: Task) -> bool:
        """Have a task go on; return whether it waited."""
        return self._steer(task, Control.resume, "running", ("paused",))

    def kill(self, task: Task, by: Person) -> bool:
        """End a task; return whether it was not over yet."""
        root = self._tasks.find(task.root) or task
        course = self._courses.get(root.id)
        if course is not None:
            self._call(course.control.kill, by.name)
            return True
        # Nobody is at it, or another process: that one keeps nothing more of it.
        ended = self._tasks.end(root, f"{by.name} {'took it back' if root.standing == 'invited' else 'stopped it'}")
        self._tell(root)
        return ended

    def edit(self, task: Task, who: Person, slot: str, value: str) -> bool:
        """Say what a slot of one's own board is; return whether the task is under way."""
        to = self._other(task, who)
        return self._with(task, lambda control: control.edit(who.handle, to, slot, value))

    def say(self, task: Task, who: Person, text: str) -> bool:
        """Say the next line of one's own side; return whether the task is under way."""
        to = self._other(task, who)
        return self._with(task, lambda control: control.answer_as_me(who.handle, to, text))

    def part(self, one: Person, other: Person) -> None:
        """End what is under way between two who are no longer in contact."""
        for task in self._tasks.not_over(one, other):
            self.kill(task, one)

    def leave(self, who: Person) -> None:
        """End all that somebody takes part in."""
        for task in self._tasks.not_over(who):
            self.kill(task, who)

    def seen(self, task: Task, who: Person) -> list[TurnSeen]:
        """Return the turns that somebody may watch, with what their agent had in view; nothing after a restart."""
        course = self._courses.get(task.root)
        return [] if course is None else list(course.seen.get(who.handle, ()))

    def under_way(self, task: Task) -> bool:
        """Whether there is somebody at work on a task now."""
        return task.root in self._courses and not task.over

    # In the loop.

    def _begin(self, task: Task) -> None:
        if task.id in self._courses:
            return
        course = self._courses[task.id] = _Course(task)
        if task.standing == "paused":
            course.control.pause()
        course.work = asyncio.get_running_loop().create_task(self._through(course), name=task.name)

    async def _through(self, course: _Course) -> None:
        task = course.task
        try:
            ended = await self._patiently(lambda: self._pursued(course))
        except ConsilienceError as error:
            ended = replace(task, ending="failed", reasons=str(error))
        except asyncio.CancelledError:
            raise  # it stays under way, for the next time
        except Exception:  # noqa: BLE001  one task that fails must not take the others with it
            _LOG.exception("task %s failed", task.id)
            ended = replace(task, ending="failed", reasons="something went wrong on the server; it is in its log")
        await self._patiently(lambda: asyncio.to_thread(self._over, replace(ended, standing="ended")))

    async def _patiently(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something, again from what was kept while the database takes nothing, and after a while no more."""
        for wait_s in AGAIN_S:
            try:
                return await work()
            except (StoreLocked, StoreUnavailable) as error:
                _LOG.warning("waits %s s: %s", wait_s, error)
                await asyncio.sleep(wait_s)
        return await work()

    async def _pursued(self, course: _Course) -> Task:
        task = course.task
        asker = await waited(self._store.person, task.asker)
        partner = await waited(self._store.person, task.partner)
        network = Network(
            self._party,
            self._contacts,
            self._wire,
            agrees=lambda request: self._agrees(task, request),
            journal=Keeping(self._tasks, lambda element, text: self._kept(course, element, text)),
            on_turn=lambda seen: course.seen.setdefault(seen.owner, deque(maxlen=TURNS_SEEN)).append(seen),
        )
        found = await network.pursue(
            Assignment(question=task.question, purpose=PURPOSE),
            asker.handle,
            partner.handle,
            limits=self._limits,
            name=task.name,
            control=course.control,
        )
        reasons = "; ".join(found.reasons)
        if course.control.ended_by is not None:
            reasons = f"{course.control.ended_by} stopped it"
        return replace(task, ending=found.root.talk.ending, answer=found.answer, reasons=reasons)

    def _over(self, task: Task) -> None:
        self._tasks.put(task)
        for part in self._tasks.parts(task.id):
            if not part.over:
                self._tasks.put(replace(part, standing="ended", ending=part.ending or task.ending))
                self._tell(part)
            self._wire.gate.end(part.name)
        self._wire.gate.end(task.name)
        self._courses.pop(task.id, None)
        self._tell(task)

    def _party(self, handle: str) -> Party:
        person = self._store.person(handle)
        return Party(
            person=person,
            memory=self._store.memory(person),
            asks=self._asks,
            lets=self._wire.lets(handle),
            hides=self._wire.hides(handle),
            asks_about=self._wire.asks_about(handle),
            may_forward=lambda rows: all(
                self._policies.of(handle).on(row.text, "", PASSED_ON, row.label).verdict == "allow" for row in rows
            ),
            waits=waited,
        )

    def _contacts(self, handle: str) -> list[Person]:
        return [one for one in self._store.contacts_of(handle) if self._accounts.has_account(one)]

    async def _agrees(self, root: Task, request: Request) -> bool:
        """Ask a third party, unless they always agree or were asked before; silence is no."""
        if request.kind != "talk":
            return False
        asker, partner = self._store.person(request.by), self._store.person(request.to)
        for old in self._tasks.parts(root.id):
            if (old.asker, old.partner, old.question) == (asker.id, partner.id, request.text):
                if old.standing != "invited":
                    return old.standing != "declined"
                return await self._answer_of(old)
        standing: Standing = "running" if self._chats.trusts(partner, asker) else "invited"
        part = self._tasks.add(asker, partner, request.text, standing=standing, parent=root.id)
        self._tell(part)
        return standing == "running" or await self._answer_of(part)

    async def _answer_of(self, part: Task) -> bool:
        answer = self._answers[part.id] = asyncio.get_running_loop().create_future()
        control = self._courses[part.root].control
        try:
            agreed = await control.unless_ended(asyncio.wait_for(answer, self._patience_s))
        except TimeoutError:
            agreed = False
        finally:
            self._answers.pop(part.id, None)
        if not agreed and self._tasks.move(part, "declined", out_of=("invited",)):
            self._tell(part)
        return bool(agreed)

    def _answered(self, number: int, yes: bool) -> None:  # noqa: FBT001  called back
        answer = self._answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(yes)

    def _kept(self, course: _Course, element: str, text: str) -> None:
        """Find whose talk a state is of, and tell their pages."""
        talk = talk_of(element)
        if talk == course.task.name:
            self._tell(course.task)
            return
        parts = self._tasks.parts(course.task.id)
        part = next((one for one in parts if one.name == talk), None)
        if part is None and talk not in course.named:
            course.named.add(talk)
            state = _STATE.validate_json(text)
            two = (self._store.person(state.a.owner).id, self._store.person(state.b.owner).id)
            part = next((one for one in parts if not one.name and (one.asker, one.partner) == two), None)
            if part is not None:
                self._tasks.put(replace(part, name=talk))
        if part is not None:
            self._tell(part)

    def _steer(self, task: Task, deed: Callable[[Control], None], to: Standing, out_of: tuple[Standing, ...]) -> bool:
        root = self._tasks.find(task.root)
        course = self._courses.get(task.root)
        if root is None or course is None or not self._tasks.move(root, to, out_of=out_of):
            return False
        self._call(deed, course.control)
        self._tell(root)
        for part in self._tasks.parts(root.id):
            self._tell(part)
        return True

    def _with(self, task: Task, deed: Callable[[Control], None]) -> bool:
        course = self._courses.get(task.root)
        if course is None:
            return False
        self._call(deed, course.control)
        return True

    def _other(self, task: Task, who: Person) -> str:
        """Return the handle of whose agent somebody's own talks with."""
        return self._store.person(task.partner if who.id == task.asker else task.asker).handle

    def _call(self, deed: Callable[..., None], *given: object) -> None:
        if self._loop is None:
            raise InvalidInput("the desk must be open; serve the application, or use it within its lifespan")
        self._loop.call_soon_threadsafe(deed, *given)

    def _tell(self, task: Task) -> None:
        people = self._store.person(task.asker), self._store.person(task.partner)
        names: Mapping[str, str] = {people[0].handle: people[1].handle, people[1].handle: people[0].handle}
        for handle, other in names.items():
            self._live.tell([handle], f"task-{task.id}", f"chat-{other}", "home", "me")

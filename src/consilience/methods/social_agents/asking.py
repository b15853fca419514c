"""Asking at the command line: one task for the agents of two people of a world or a database, turn by turn."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from consilience.dialogue.command.flags import read_named
from consilience.dialogue.connecting import connect
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.demo import furnish_demo
from consilience.methods.social_agents.flags import Asking
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.network import Network
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.places import require_there
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.pursuit import Pursuit, PursuitLimits
from consilience.methods.social_agents.record import TalkLimits, TurnSeen
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment

__all__ = ["ask"]

Tell = Callable[[str], object]


def ask(asking: Asking, tell: Tell) -> int:
    """Have it found out, and return 0 where there is an answer and 1 where there is none.

    Everybody's agent tells all but secrets, for nobody is there to be asked: it is for one's own worlds and databases,
    and not for other people's.

    Raises
    ------
    InvalidInput
        When there are no such people, or nobody to ask.
    """
    if Path(asking.task[1:]).is_file() or not asking.task.startswith("@"):  # else it begins with somebody's handle
        asking = replace(asking, task=read_named("the task", asking.task))
    with _opened(asking.world) as store:
        return asyncio.run(_asked(asking, store, tell))


@contextmanager
def _opened(world: str) -> Iterator[Store]:
    if world == "demo":
        with Store.open(":memory:") as store:
            furnish_demo(store)
            yield store
    else:
        require_there(world, "--world")
        with Store.open(world) as store:
            yield store


def _person(store: Store, handle: str) -> Person:
    """Return somebody; of a handle that is nobody's, say whose there are."""
    try:
        return store.person(handle)
    except UnknownName as error:
        raise UnknownName("person", handle, [each.handle for each in store.people()]) from error


async def _asked(asking: Asking, store: Store, tell: Tell) -> int:
    asker = _person(store, asking.as_)
    if asking.of is not None:
        _person(store, asking.of)

    def message_of(owner: str, number: int) -> Message | None:
        return store.memory(owner).message(number)

    def seen(turn: TurnSeen) -> None:
        if turn.owner == turn.utterance.speaker and not asking.json:
            tell(f"{turn.utterance.number:>3} {turn.utterance.speaker_name}'s agent: {turn.utterance.text}")
            if turn.withheld:
                tell(f"    (held back: {turn.withheld})")

    wire = GuardedWire(Policy.open, message_of)
    async with Session(connect(asking.model, base_url=asking.base_url, players=PLAYERS, rehearsed=True)) as session:

        def party(handle: str) -> Party:
            person = store.person(handle)
            return Party(
                person=person,
                memory=store.memory(person),
                asks=session,
                lets=wire.lets(handle),
                hides=wire.hides(handle),
                asks_about=wire.asks_about(handle),
            )

        network = Network(party, store.contacts_of, wire, on_turn=seen)
        task = Assignment(question=asking.task)
        partner = asking.of
        if partner is None:
            found = network.find(asker.handle, asking.task)
            if not found:
                place = shlex.quote(asking.world)
                raise InvalidInput(
                    f"{asker.handle!r} must have somebody to ask; they have no contact: contacts are asked for and "
                    f"accepted in the application, consilience social-agents serve --database {place}"
                )
            partner = found[0].person.handle
            if not asking.json:
                tell(f"asking {found[0].person.name}, who {found[0].why}")
        limits = PursuitLimits(depth=asking.depth, talk=TalkLimits(turns=asking.turns))
        pursuit = await network.pursue(task, asker.handle, partner, limits=limits)
    _tell_end(asking, pursuit, tell)
    return 0 if pursuit.answer else 1


def _tell_end(asking: Asking, pursuit: Pursuit, tell: Tell) -> None:
    notice = notice_for([asking.model])
    talk = pursuit.root.talk
    if asking.json:
        told = {
            "answer": pursuit.answer,
            "reasons": list(pursuit.reasons),
            "ending": talk.ending,
            "said": [[one.speaker, one.text] for branch in pursuit.root for one in branch.talk.utterances],
            "known": {slot.slot: slot.value for slot in talk.state.a if slot.status == "known"},
            "calls": pursuit.calls,
            "notice": notice,
        }
        tell(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for slot in talk.state.a:
        tell(f"    {slot.status:<8} {slot.text}{f': {slot.value}' if slot.value else ''}")
    tell(f"answer: {pursuit.answer}" if pursuit.answer else f"no answer: {'; '.join(pursuit.reasons) or talk.ending}")
    tell(f"{pursuit.calls} calls, {pursuit.talks} talks, {pursuit.own_s:.2f} s beside the model")
    if notice:
        tell(notice)

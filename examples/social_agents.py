"""Two people find out when both are free, and neither agent reads what the other person's messages say.

The model is a rehearsal, a stated stand-in: put `connect("openai:gpt-4o")` or any other in its place, or one of your
own, `connect("openai:NAME", base_url="http://localhost:8000/v1")`.
"""

import asyncio
from datetime import UTC, datetime, timedelta

from consilience.dialogue.connecting import connect
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.methods.social_agents import Assignment, AuditLog, GuardedWire, NewMessage, Party, Policy, Store, talk
from consilience.methods.social_agents.manners import PLAYERS

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
QUESTION = (
    "When on Friday, between 7:00 and 22:00, are Ann Weber and Ben Okafor all free? "
    "Needed: the Friday morning of Ann Weber; the Friday evening of Ben Okafor"
)


async def meet(store: Store) -> None:
    audit = AuditLog(store)
    wire = GuardedWire(Policy.open, lambda owner, number: store.memory(owner).message(number), audit=audit)

    async with Session(connect("rehearsal:neighbour", players=PLAYERS)) as session:

        def side(handle: str) -> Party:
            return Party(person=store.person(handle), memory=store.memory(handle), asks=session, lets=wire.lets(handle))

        found = await talk(side("ann"), side("ben"), Assignment(question=QUESTION), wire=wire)
    for one in found.utterances:
        print(f"{one.speaker_name}'s agent: {one.text}")
    print(f"free    {found.answer or '; '.join(found.reasons)}")
    print(f"cost    {found.spent.calls} calls, {found.spent.prompt_characters:,} characters of prompts")
    print(f"log     {audit.head().count} entries of what was told to whom, by which messages")


with Store.open(":memory:") as store:
    people = {name.split()[0].lower(): name for name in ("Ann Weber", "Ben Okafor", "Cyd Moor")}
    number_of = {handle: store.add_person(handle, name).id for handle, name in people.items()}
    for host, guest, text in (
        ("ann", "cyd", "My Friday morning is like this: 8:00-11:30 rehearsal, and that is all."),
        ("ben", "cyd", "For the Friday evening I have 18:00-20:30 choir, nothing else."),
    ):
        chat = store.conversation([host, guest], began_at=BEGAN)
        store.add_messages([NewMessage(chat, number_of[host], BEGAN + timedelta(minutes=1), text)])
    print(REHEARSAL_NOTICE)
    asyncio.run(meet(store))

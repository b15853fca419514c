"""Nothing goes over the wire between two who are not in contact at that moment."""

import asyncio
import threading
from dataclasses import replace

from consilience.methods.social_agents.app.contact_wire import ContactWire
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.wire import Outgoing


def test_no_text_crosses_between_people_who_are_not_in_contact(dinner) -> None:
    wire = ContactWire(dinner.office.store, Policy.open)
    text = Outgoing(talk="t", number=1, owner="ann", counterpart="ben", purpose="task", say="I do not know.")
    assert asyncio.run(wire.send(text)).text == "I do not know."
    dinner.office.store.withdraw(dinner.ben, dinner.ann)
    assert asyncio.run(wire.send(text)).text == ""
    assert asyncio.run(wire.send(replace(text, counterpart="nobody"))).text == ""


def test_the_loop_goes_on_while_a_text_is_judged(dinner) -> None:
    go = threading.Event()

    def policy_of(owner: str) -> Policy:
        assert go.wait(5), "the loop has to go on"
        return Policy.open(owner)

    async def sent() -> str:
        text = Outgoing(talk="t", number=1, owner="ann", counterpart="ben", purpose="task", say="I do not know.")
        sending = asyncio.create_task(ContactWire(dinner.office.store, policy_of).send(text))
        await asyncio.sleep(0.01)
        go.set()
        return (await sending).text

    assert asyncio.run(sent()) == "I do not know."

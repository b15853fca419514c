"""A relay: every event is passed on in its order, and nothing is kept."""

from consilience.dialogue.relay import Relay
from consilience.dialogue.transcript import Event


def test_events_are_passed_on_in_order_and_not_kept() -> None:
    heard: list[Event] = []
    relay = Relay(heard.append)
    first = relay.add("asked", "A", model="m")
    second = relay.add("replied", "A", after=(first, "of another"))
    assert [(event.id, event.kind, event.after) for event in heard] == [
        (first, "asked", ()),
        (second, "replied", (first, "of another")),
    ]
    assert dict(heard[0].facts) == {"model": "m"}
    assert relay.events() == []


def test_ids_of_two_relays_differ_by_their_prefix() -> None:
    heard: list[Event] = []
    ids = {Relay(heard.append, prefix=prefix).add("asked") for prefix in ("A:", "B:")}
    assert ids == {"A:0", "B:0"}

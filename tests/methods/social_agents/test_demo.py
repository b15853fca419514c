"""The demo is a world that takes two: neither Ann nor Ben can answer alone."""

from consilience.methods.social_agents.demo import QUESTION, demo_world, furnish_demo
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store


def test_each_of_the_two_has_read_one_half() -> None:
    with Store.open(":memory:") as store:
        people = furnish_demo(store)
        asked = Query(words=("allergy",), beside=False)
        found = {
            handle: [hit.message.sender_name for hit in store.memory(people[handle]).search(asked)]
            for handle in ("ann", "ben")
        }
    assert found == {"ann": ["Dan Roth"], "ben": ["Cyd Moor"]}
    assert all(name in QUESTION for name in ("Dan Roth", "Cyd Moor"))


def test_it_is_the_same_each_time_and_says_everything_once() -> None:
    world = demo_world()
    assert world == demo_world()
    assert len({line.source_id for line in world.messages}) == len(world.messages)

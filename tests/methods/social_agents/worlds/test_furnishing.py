import numpy as np

from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.needle import needle


def test_everybody_reads_their_own_part_of_the_world_and_nothing_else():
    world = needle(2, 2, np.random.default_rng(0), length=6)
    with Store.open(":memory:") as store:
        people = furnish(world, store, episodes=False)
        for resident in world.people:
            memory = store.memory(people[resident.handle])
            mine = [world.messages[row].text for row in world.seen_by(resident.handle)]
            assert sorted(row.text for row in memory.recent(limit=1_000)) == sorted(mine)
            friends = {one.handle for one in memory.friends()}
            assert friends == set(world.contacts_of(resident.handle))


def test_the_holder_finds_the_needle_and_the_asker_does_not():
    world = needle(3, 1, np.random.default_rng(1))
    with Store.open(":memory:") as store:
        people = furnish(world, store, episodes=False)
        for task in world.tasks:
            words = tuple(task.slots[0].text.split()[1:2])
            texts = {
                who: " ".join(hit.message.text for hit in store.memory(people[who]).search(Query(words=words)))
                for who in (task.asker, task.partner)
            }
            assert task.answer in texts[task.partner]
            assert task.answer not in texts[task.asker]

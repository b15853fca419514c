"""The place: a town or a script of one's own, and who looks for what there."""

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.place import (
    ROWS,
    Lookup,
    bars,
    in_place,
    looked_up,
    lookups,
    row_names,
    settle,
)
from consilience.methods.social_agents.worlds.people import World

SCRIPT = """,sender,receiver,message,timestamp
0,ann,bea,The parrot lives at the mill,1
0,ann,cem,The parrot lives at the mill,1
1,bea,ann,Which parrot?,2
2,dan,cem,Parrots are for others,3
"""


@pytest.fixture(scope="module")
def town() -> World:
    return in_place(Config(), Streams(0))


def test_the_town_has_the_shape_that_the_claims_are_about(town):
    assert (len(town.people), len(town.contacts), len(town.messages)) == (140, 588, 4000)


def test_the_same_seed_gives_the_same_place(town):
    assert in_place(Config(), Streams(0)) == town
    assert in_place(Config(), Streams(1)) != town


def test_whoever_looks_has_read_what_answers_it(town):
    found = lookups(Config(), town)
    assert len(found) == len(town.tasks)
    for one, task in list(zip(found, town.tasks, strict=True))[:40]:
        assert one.owner == task.slots[0].holder
        assert any(task.answer in text for _, text in town.said(town.seen_by(one.owner)))


def test_a_script_is_the_place_where_one_is_given(tmp_path):
    path = tmp_path / "script.csv"
    path.write_text(SCRIPT)
    world = in_place(Config(script=str(path)), Streams(0))
    assert {one.handle for one in world.people} == {"ann", "bea", "cem", "dan"}
    with pytest.raises(InvalidInput):
        in_place(Config(script=str(tmp_path / "none.csv")), Streams(0))


def test_a_lookup_brings_only_what_its_owner_has_read(tmp_path):
    path = tmp_path / "script.csv"
    path.write_text(SCRIPT)
    world = in_place(Config(script=str(path)), Streams(0))
    with Store.open(":memory:") as store:
        people = settle(world, store)
        names = row_names(store)

        def rows(owner: str, context: int = 0) -> list[str]:
            return [names[one] for one in looked_up(store, people[owner], Lookup(owner, ("parrot",)), context)]

        assert set(rows("cem")) == {"s01-1", "s01-3"}
        assert set(rows("bea")) == {"s01-0", "s01-2"}
        assert rows("dan") == ["s01-3"]
        assert len(rows("bea", 1)) == 2  # neighbours are there already


def test_bars_hold_where_there_are_messages_enough(town):
    assert bars(town, at_most=5.0) == {}
    whole = World(town.people, town.contacts, town.conversations, town.messages * 17)
    assert bars(whole, at_most=5.0) == {"at_most": 5.0}
    assert ROWS == 30

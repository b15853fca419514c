"""A key speaks for who made it until it is revoked, and cannot be read from the database."""

import pytest
from sqlalchemy import text

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.agent_keys import LONGEST_LABEL, MOST_KEYS, AgentKeys


def test_a_key_is_its_maker_s_until_it_is_revoked_by_them(store) -> None:
    keys = AgentKeys(store)
    ann, ben = store.add_person("ann", "Ann"), store.add_person("ben", "Ben")
    first, second, other = keys.make(ann, " my  laptop "), keys.make(ann, "phone"), keys.make(ben, "x")
    assert keys.person_of(first).handle == keys.person_of(second).handle == "ann"
    assert [one.label for one in keys.of(ann)] == ["my laptop", "phone"]
    keys.revoke(ben, keys.of(ann)[0].id)
    assert keys.person_of(first) is not None
    keys.revoke(ann, keys.of(ann)[0].id)
    assert keys.person_of(first) is None
    keys.revoke(ann)
    assert keys.person_of(second) is None
    assert keys.person_of(other).handle == "ben"


def test_it_lies_in_the_database_as_a_digest(store) -> None:
    token = AgentKeys(store).make(store.add_person("ann", "Ann"), "laptop")
    with store.reading() as connection:
        rows = repr(connection.execute(text("SELECT * FROM agent_key")).all())
    assert token not in rows
    assert token.removeprefix("agent_") not in rows


@pytest.mark.parametrize("token", ["", "agent_", "agent_x", "bearer", "agent_\udcff"])
def test_what_is_none_is_nobody_s(store, token) -> None:
    assert AgentKeys(store).person_of(token) is None


def test_keys_have_names_and_are_not_many(store) -> None:
    keys, ann = AgentKeys(store), store.add_person("ann", "Ann")
    for label in ("", " ", "x" * (LONGEST_LABEL + 1)):
        with pytest.raises(InvalidInput, match="name"):
            keys.make(ann, label)
    for number in range(MOST_KEYS):
        keys.make(ann, str(number))
    with pytest.raises(InvalidInput, match="the most"):
        keys.make(ann, "one more")

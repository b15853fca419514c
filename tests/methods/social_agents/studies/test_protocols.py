"""Assistants and agents get something, and what is another's is not in it."""

import asyncio
from datetime import UTC, datetime

import pytest

pytest.importorskip("mcp", reason="needs consilience[interop]")

from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.protocols import read_by_assistant
from consilience.methods.social_agents.studies.secrets import Secret, found_in

WORD, NUMBER = "bcdfghjklmnp", "40718265"


def test_an_assistant_finds_its_own_and_nothing_else() -> None:
    secret = Secret("t", "ann", frozenset({"ann"}), WORD, NUMBER, never=True)
    with Store.open(":memory:") as store:
        ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
        for one, text in ((ann, f"The password is {WORD} and {NUMBER}."), (bea, "My parrot sings.")):
            diary = store.conversation([one])
            store.add_messages([NewMessage(diary, one.id, datetime(2024, 5, 2, tzinfo=UTC), text)])
        mine, theirs = (asyncio.run(read_by_assistant(store.memory(one), [secret], ["parrot"])) for one in (ann, bea))
    assert found_in(mine, WORD, NUMBER)
    assert not found_in(theirs, WORD, NUMBER)
    assert any("parrot sings" in piece for piece in theirs)

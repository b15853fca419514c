"""What is hidden is as if it had never been: the same ranks, scores, limits, neighbours and episodes, to the byte."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.hiding import stamp_of
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store

WHEN = datetime(2024, 5, 2, 10, tzinfo=UTC)
SECRET = "The password of the mill is tulip"
WORDS = ["mill", "lantern", "Monday", "garden", "river", "baker", "candle", "window"]


def lines(rng: np.random.Generator, secrets: bool) -> list[tuple[int, str, datetime]]:
    """Return messages of two chats; every third a secret, or nothing in its place."""
    made, at = [], WHEN
    for number in range(90):
        at += timedelta(minutes=int(rng.integers(1, 400)))
        text = f"{' '.join(rng.choice(WORDS, 4))} {number}"
        told = f"{SECRET} {' '.join(rng.choice(WORDS, 9))} {number}"
        if number % 3:
            made.append((number % 2, text, at))
        elif secrets:
            made.append((number % 2, told, at))
    return made


@pytest.fixture
def memories():
    """Give the memory of Ann with secrets that are hidden, and the one of an Ann who never had any."""
    found, stores = [], []
    for secrets in (True, False):
        store = Store.open(":memory:")
        stores.append(store)
        ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
        chats = [store.conversation([ann, bea]), store.conversation([ann, bea])]
        rng = np.random.default_rng(5)
        store.add_messages(NewMessage(chats[chat], ann.id, at, text) for chat, text, at in lines(rng, secrets=secrets))
        found.append(store.memory(ann))
    policy = Policy.open("ann")
    yield found[0].without(lambda rows: policy.hidden(rows, "bea")), found[1], stores
    for store in stores:
        store.close()


def told(found):
    """Return what was found without the numbers, which count messages of others, too."""
    return [
        (hit.message.text, hit.score, [one.text for one in hit.before], [one.text for one in hit.after])
        for hit in found
    ]


def test_a_search_finds_scores_and_shows_the_same(memories) -> None:
    hidden, never, _ = memories
    for word in (*WORDS, "password", "tulip"):
        for limit in (1, 3, 30):
            query = Query(words=(word, "mill"), limit=limit, context=2)
            assert told(hidden.search(query)) == told(never.search(query))
    assert told(hidden.search(Query(limit=7, context=1))) == told(never.search(Query(limit=7, context=1)))
    assert [one.text for one in hidden.recent(limit=9)] == [one.text for one in never.recent(limit=9)]


def test_episodes_are_cut_and_ranked_the_same(memories) -> None:
    hidden, never, _ = memories
    for text in ("the mill on Monday", "tulip password", "river candle"):
        one, other = hidden.recall(text, 8), never.recall(text, 8)
        assert [(each.summary, each.since, each.until) for each in one] == [
            (each.summary, each.since, each.until) for each in other
        ]
        assert [[row.text for row in hidden.messages(list(each.messages))] for each in one] == [
            [row.text for row in never.messages(list(each.messages))] for each in other
        ]
        assert all("tulip" not in each.summary for each in one)


def test_no_way_leads_to_what_is_hidden_and_what_comes_later_is_hidden_too(memories) -> None:
    hidden, _, (store, _) = memories
    whole = store.memory("ann")
    secret = whole.search(Query(words=("tulip",), limit=1))[0].message
    assert hidden.message(secret.id) is None
    assert hidden.around(secret.id) == []
    assert hidden.messages([secret.id]) == []
    with store.reading() as connection:
        before = stamp_of(connection, 1)
    late = NewMessage(secret.conversation, 1, WHEN + timedelta(days=99), f"{SECRET} now")
    (number,) = store.add_messages([late]).ids
    assert hidden.message(number) is None
    (plain,) = store.add_messages([replace(late, text="candle by the window")]).ids
    assert hidden.message(plain) is not None
    store.edit(plain, f"{SECRET} at last", WHEN + timedelta(days=100))
    assert hidden.message(plain) is None
    with store.reading() as connection:
        assert stamp_of(connection, 1) != before


def test_a_memory_that_cannot_leave_anything_out_is_refused(company, memories) -> None:
    _, never, _ = memories
    party = Party(person=never.owner, memory=company.Rows("x"), asks=Session(company.player()), hides=lambda *_: ())
    with pytest.raises(InvalidInput, match="leave messages out"):
        party.reads(["bea"], "value")
    assert replace(party, hides=None).reads(["bea"], "value") is party.memory

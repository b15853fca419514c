"""What is hidden is as if it had never been: the same ranks, scores, limits, neighbours and episodes, to the byte."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents import memory as memory_module
from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.consent import ConsentQueue
from consilience.methods.social_agents.embedding import HashedNgrams
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.hiding import MOST_KEPT, Messages, stamp_of
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.policy import Policy
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.retrieval import MOST_ASKED
from consilience.methods.social_agents.sections import sections
from consilience.methods.social_agents.speech import Spent
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.task import Assignment

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


PRIVATE = ("My doctor", "A therapy")
"""How messages begin that their owner would have to be asked about."""


def prompts(company, private, *, apart=True):
    """Return the parts of three prompts of an agent of Ann, with messages of a kind of which she has to be asked."""
    with Store.open(":memory:") as store:
        ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
        chats = [store.conversation([ann, bea]), store.conversation([ann, bea])]
        rng = np.random.default_rng(7)
        for number, (chat, text, at) in enumerate(lines(rng, secrets=True)):
            told = private(number) if text.startswith(SECRET) else text
            if told:
                store.add_messages([NewMessage(chats[chat], ann.id, at, told)])
        policy = Policy("ann", (), {"known": frozenset({"bea"})})
        wire = GuardedWire(lambda _owner: policy, lambda owner, number: store.memory(owner).message(number))
        asks = company.Scripted({"facts": [], "look_for": ["window"], "say": "I see.", "asks": "", "done": False})
        party = Party(person=ann, memory=store.memory(ann), asks=asks, lets=wire.lets("ann"), hides=wire.hides("ann"))
        task = Assignment(question="Where is it? Needed: the lantern by the mill; the candle of the baker.")
        made = Agent(
            replace(party, asks_about=wire.asks_about("ann") if apart else None),
            bea,
            task,
            element="talk/ann",
            spent=Spent(),
        )

        async def talk():
            await made.draft()
            for number in (1, 3):
                await made.turn(number, ())

        asyncio.run(talk())
    return [sections("\n".join(one.text for one in question.messages)) for question in asks.questions]


def free(found):
    """Return prompts without the lines of what has to be asked about."""
    return [
        {
            name: [line for line in body.split("\n") if not any(one in line for one in PRIVATE)]
            for name, body in one.items()
        }
        for one in found
    ]


def of_the_mill(number):
    return f"My doctor lost the lantern by the mill, the candle of the baker and a window {number}"


def of_nothing(number):
    return f"A therapy on {number}"


def test_other_things_to_ask_about_change_no_other_line_of_a_prompt(company) -> None:
    one, other = (prompts(company, private) for private in (of_the_mill, of_nothing))
    assert free(one) == free(other)
    assert any("candle" in one[at]["memory"] for at in (0, 1, 2))
    for found in one:  # they are found, and stand after all else
        private = ["My doctor" in line for line in found["memory"].split("\n")]
        assert 0 < sum(private) <= MOST_ASKED
        assert private == sorted(private)
        assert "My doctor" not in found["episodes"]


def test_nor_does_it_whether_there_is_anything_to_ask_about(company) -> None:
    one, none = (prompts(company, private) for private in (of_the_mill, lambda _: ""))
    assert [unnumbered(found) for found in free(one)] == [unnumbered(found) for found in none]


def unnumbered(found):
    """Return sections as one text without the numbers of messages, which count those of others, too."""
    lines = [body if isinstance(body, list) else body.split("\n") for body in found.values()]
    return [[re.sub(r"^\[[me]\d+", "", line) for line in body] for body in lines]


def test_the_law_can_fail(company) -> None:
    one, other = (prompts(company, private, apart=False) for private in (of_the_mill, of_nothing))
    assert free(one) != free(other)


def test_what_was_agreed_to_is_free_from_then_on_and_a_label_counts_at_once(company, tmp_path) -> None:
    with Store.open(tmp_path / "memory.db") as store:
        ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
        chat = store.conversation([ann, bea])
        ill, plain = store.add_messages(
            [NewMessage(chat, 1, WHEN, of_the_mill(1)), NewMessage(chat, 1, WHEN, "A mill")]
        ).ids
        queue = ConsentQueue(store, person_of={"ann's": "ann"}.get)
        policy = Policy("ann", (), {"known": frozenset({"bea"})})
        wire = GuardedWire(lambda _owner: policy, lambda *_: None, consent=queue)
        party = Party(
            person=ann,
            memory=store.memory(ann),
            asks=company.Scripted({}),
            hides=wire.hides("ann"),
            asks_about=wire.asks_about("ann"),
        )
        memory, apart = party.parts("bea", "value")
        assert (apart.numbers(), memory.messages([ill, plain])) == ({ill}, apart.memory.messages([plain]))
        request = queue.ask("ann", "bea", "value", labels=["health"], messages=[ill])
        queue.decide("ann's", request.id, allow=True)
        assert apart.numbers() == frozenset()
        assert [row.id for row in memory.messages([ill, plain])] == [ill, plain]
        assert party.parts("bea", "another")[1].numbers() == {ill}
        store.label(plain, "money")
        assert party.parts("bea", "another")[1].numbers() == {ill, plain}
        (grant,) = queue.grants("ann")
        queue.withdraw("ann's", grant.id)
        assert apart.numbers() == {ill, plain}


class Counts(HashedNgrams):
    """An embedder that takes down what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts):
        self.texts += texts
        return super().embed(texts)


def test_only_episodes_that_come_out_otherwise_without_it_are_made_anew() -> None:
    embedder, summarised = Counts(), []

    def summary(messages):
        summarised.append(tuple(one.id for one in messages))
        return " / ".join(one.text for one in messages)

    with Store.open(":memory:", embedder=embedder, summarise=summary) as store:
        ann = store.add_person("ann", "Ann")
        chat, other = store.conversation([ann]), store.conversation([ann])
        told = ["mill", "river", "garden"], ["lantern", SECRET, "candle"], ["baker", "window", "mill"]
        for day, texts in enumerate(told):
            sent = [WHEN + timedelta(days=day, minutes=at) for at in range(3)]
            store.add_messages(NewMessage(chat, ann.id, at, text) for at, text in zip(sent, texts, strict=True))
        store.add_messages([NewMessage(other, ann.id, WHEN, f"{SECRET}, the mill and the river")])
        store.memory("ann").rebuild_episodes()
        embedder.texts.clear()
        summarised.clear()
        policy = Policy.open("ann")
        hidden = store.memory("ann").without(lambda rows: policy.hidden(rows, "bea"))
        found = {one.messages: one.summary for one in hidden.recall("mill river lantern", 9)}
        assert found == {
            (1, 2, 3): "mill / river / garden",
            (4, 6): "lantern / candle",
            (7, 8, 9): "baker / window / mill",
        }
        assert (embedder.texts, summarised) == (["Ann: lantern\nAnn: candle", "mill river lantern"], [(4, 6)])


def test_messages_are_made_when_they_are_looked_at() -> None:
    found = [(number, 1, 2, "Ann", number * 1_000_000, f"line {number}", "", 2) for number in range(5)]
    messages = Messages(found)
    assert len(messages) == 5
    assert [one.id for one in messages] == [one.id for one in messages] == list(range(5))
    assert (messages[1].text, messages[-1].id, [one.id for one in messages[1:3]]) == ("line 1", 4, [1, 2])
    assert messages[1] == next(iter(messages[1:])) in messages
    with pytest.raises(IndexError):
        messages[5]


def test_what_was_looked_up_is_kept_by_key_and_stamp_within_bounds(memories) -> None:
    _, _, (store, _) = memories
    looked = []

    def hides(rows):
        looked.append(len(rows))
        return ()

    for _ in range(3):
        assert store.memory("ann").without(hides, lambda: "a").left_out() == frozenset()
    assert looked == [90]
    store.add_messages([NewMessage(1, 1, WHEN, "one more")])
    store.memory("ann").without(hides, lambda: "a").left_out()
    assert looked == [90, 91]
    for number in range(MOST_KEPT):
        store.memory("ann").without(hides, lambda number=number: number).left_out()
    store.memory("ann").without(hides, lambda: "a").left_out()
    assert len(looked) == 3 + MOST_KEPT
    store.memory("ann").without(hides).message(1)
    store.memory("ann").without(hides).message(1)
    assert len(looked) == 5 + MOST_KEPT
    moved = iter(range(99))  # what it goes by changes while it is looked up: it is not kept
    store.memory("ann").without(hides, lambda: f"at {next(moved)}").left_out()
    store.memory("ann").without(hides, lambda: "at 1").left_out()
    assert len(looked) == 7 + MOST_KEPT


def test_what_decides_may_read_for_itself_in_a_store_without_a_file() -> None:
    with Store.open(":memory:") as store:
        ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
        chat = store.conversation([ann, bea])
        store.add_messages([NewMessage(chat, ann.id, datetime(2024, 5, 2, 12, tzinfo=UTC), "The PIN is 4711")])

        def hides(rows):
            assert store.people()  # as a queue of consents does
            return [row.id for row in rows]

        assert store.memory(bea).without(hides).search(Query(words=("pin",))) == []
        assert store.memory(bea).without(hides).recall("the PIN") == []


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("outer_first", [True, False])
def test_a_memory_within_another_leaves_out_what_both_do_and_follows_both(memories, keyed, outer_first) -> None:
    _, _, (store, _) = memories
    all_of_ann = {row.id for row in store.memory("ann").recent(limit=90)}
    one, two = sorted(all_of_ann)[:2]
    gone = {"outer": {one}, "inner": {two}}
    seen = {"outer": [], "inner": []}

    def hiding(name):
        def hides(rows):
            seen[name] = [row.id for row in rows]
            return gone[name]

        return hides, (lambda: (name, *sorted(gone[name]))) if keyed else None

    outer = store.memory("ann").without(*hiding("outer"))
    inner = outer.without(*hiding("inner"))
    if outer_first:
        assert outer.left_out() == {one}
    assert inner.left_out() == {one, two}
    assert outer.left_out() == {one}
    assert one not in seen["inner"], "what is left out already is not shown to what leaves out more"
    assert inner.messages([one, two]) == []
    assert [row.id for row in outer.messages([one, two])] == [two]
    if keyed:  # what the outer one goes by changes: both follow
        gone["outer"] = set()
        assert inner.left_out() == {two}
        assert outer.left_out() == frozenset()
    store.add_messages([NewMessage(1, 1, WHEN, "one more")])
    assert inner.left_out() == gone["outer"] | {two}


def test_two_memories_of_which_one_lies_within_the_other_take_one_reading(memories, monkeypatch) -> None:
    _, _, (store, _) = memories
    readings = []
    real = memory_module.all_of
    monkeypatch.setattr(memory_module, "all_of", lambda *given: readings.append(1) or real(*given))
    outer = store.memory("ann").without(lambda _: (), lambda: "one reading: outer")
    inner = outer.without(lambda _: (), lambda: "one reading: inner")
    assert inner.left_out() == outer.left_out() == frozenset()
    assert len(readings) == 1

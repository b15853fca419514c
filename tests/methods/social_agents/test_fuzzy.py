"""Fuzzy memory: episodes step by step are episodes at once, and what they are about finds them."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from consilience.methods.social_agents import fuzzy
from consilience.methods.social_agents.embedding import EmbeddingFailed, HashedNgrams
from consilience.methods.social_agents.records import Message, NewMessage
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    return tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")


@pytest.fixture
def store(place: str | Path) -> Iterator[Store]:
    with Store.open(place) as opened:
        ann, bea = (opened.add_person(name, name.capitalize()) for name in ("ann", "bea"))
        opened.conversation([ann, bea])
        yield opened


def say(store: Store, *lines: tuple[timedelta, str], chat: int = 1) -> tuple[int, ...]:
    return store.add_messages(NewMessage(chat, 1, NOON + after, text) for after, text in lines).ids


def cuts(store: Store, who: str = "ann") -> list[tuple[int, ...]]:
    store.memory(who).rebuild_episodes()
    with store.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT p.episode, p.message FROM placed p JOIN message m ON m.id = p.message "
            "ORDER BY m.conversation, m.audience, m.sent_at, m.id"
        ).all()
    found: dict[int, list[int]] = {}
    for episode, message in rows:
        found.setdefault(episode, []).append(message)
    return [tuple(numbers) for numbers in found.values()]


def test_a_thread_is_cut_at_silences_and_by_size(store: Store) -> None:
    first = say(store, (0 * HOUR, "a"), (4 * HOUR, "b"), (8 * HOUR + timedelta(seconds=1), "c"))
    assert cuts(store) == [first[:2], first[2:]]
    more = say(store, *((9 * HOUR + timedelta(minutes=at), f"m{at}") for at in range(15)))
    assert [len(each) for each in cuts(store)] == [2, fuzzy.MOST_MESSAGES, 4]
    assert cuts(store)[1][:2] == (first[2], more[0])


def test_step_by_step_is_at_once(tmp_path: Path) -> None:
    rng = random.Random(5)
    lines = [(timedelta(minutes=rng.randrange(6000)), f"line {at}") for at in range(120)]
    with Store.open(tmp_path / "steps.db") as steps, Store.open(tmp_path / "once.db") as once:
        for store in (steps, once):
            chat = store.conversation([store.add_person("ann", "Ann")])
        start = 0
        while start < len(lines):
            end = start + rng.randint(1, 9)
            say(steps, *lines[start:end], chat=chat)
            steps.memory("ann").rebuild_episodes()
            start = end
        say(once, *lines, chat=chat)
        assert cuts(steps) == cuts(once)
        assert sum(map(len, cuts(once))) == 120


def test_nothing_new_makes_nothing(store: Store) -> None:
    say(store, (0 * HOUR, "the ferry leaves at seven"), (9 * HOUR, "good night"))
    memory = store.memory("ann")
    assert (memory.rebuild_episodes(), memory.rebuild_episodes()) == (2, 0)
    assert store.memory("bea").rebuild_episodes() == 0
    say(store, (10 * HOUR, "sleep well"))
    assert memory.rebuild_episodes() == 1


def test_what_it_is_about_comes_first(store: Store) -> None:
    topics = ["the ferry to capri leaves at seven", "my dentist is doctor mole", "grandma sells her red bicycle"]
    for at, topic in enumerate(topics):
        say(store, (at * 24 * HOUR, topic), (at * 24 * HOUR + HOUR, "fine by me"))
    memory = store.memory("bea")
    for at, asked in enumerate(["when do ferries leave?", "dentistry", "bicicle of gran"]):
        best = memory.recall(asked, top=1)[0]
        assert topics[at] in best.summary
        assert (best.since, best.until, len(best.messages)) == (
            NOON + at * 24 * HOUR,
            NOON + (at * 24 + 1) * HOUR,
            2,
        )
    assert len(memory.recall("ferry", top=2)) <= 2
    assert memory.recall("😀") == []


def test_late_comers_have_episodes_of_their_own(store: Store) -> None:
    cyd = store.add_person("cyd", "Cyd")
    say(store, (0 * HOUR, "cyd has her party on sunday, do not tell"))
    store.join(1, cyd, NOON + HOUR)
    say(store, (2 * HOUR, "hello cyd, about the party"))
    assert [episode.summary for episode in store.memory("cyd").recall("party", top=9)] == [
        "Ann: hello cyd, about the party"
    ]
    assert len(store.memory("ann").recall("party", top=9)) == 2


def test_another_embedder_makes_vectors_anew(place: str | Path) -> None:
    with Store.open(place) as store:
        store.conversation([store.add_person("ann", "Ann")])
        say(store, (0 * HOUR, "ring"))
        store.memory("ann").recall("ring")
    with Store.open(place, embedder=HashedNgrams(128)) as store:
        assert [episode.summary for episode in store.memory("ann").recall("ring")] == ["Ann: ring"]
        with store.reading() as connection:
            kinds = connection.exec_driver_sql("SELECT embedder, LENGTH(vector) FROM episode").all()
        assert [tuple(row) for row in kinds] == [("ngrams-128-3-5", 256)]


class Busy(HashedNgrams):
    """An embedder that takes its time: meanwhile others write."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], object]] = []

    def embed(self, texts: list[str]) -> np.ndarray:
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().embed(texts)


def test_nobody_waits_for_vectors_and_what_came_meanwhile_has_its_own(tmp_path: Path) -> None:
    busy = Busy()
    with Store.open(tmp_path / "m.db", embedder=busy, wait_s=0.1) as store:
        store.conversation([store.add_person("ann", "Ann")])
        say(store, (0 * HOUR, "the ferry leaves at seven"), (9 * HOUR, "good night"))
        busy.meanwhile = [lambda: (say(store, (1 * HOUR, "at eight, I hear")), store.edit(2, "sleep well", NOON))]
        assert store.memory("ann").rebuild_episodes() == 2
        assert busy.meanwhile == []
        assert sorted(episode.summary for episode in store.memory("ann").recall("ferry sleep", top=9)) == [
            "Ann: sleep well",
            "Ann: the ferry leaves at seven / Ann: at eight, I hear",
        ]
        assert store.memory("ann").rebuild_episodes() == 0


def test_of_two_that_make_episodes_at_once_each_is_made_once(place: str | Path) -> None:
    with Store.open(place) as store, ThreadPoolExecutor(2) as threads:
        store.conversation([store.add_person("ann", "Ann"), store.add_person("bea", "Bea")])
        for day in range(5):
            say(store, *((24 * day * HOUR + at * HOUR, f"line {at}") for at in range(5)))
            for made in [threads.submit(store.memory(who).rebuild_episodes) for who in ("ann", "bea")]:
                made.result()
        assert sorted(number for cut in cuts(store) for number in cut) == list(range(1, 26))


def test_what_comes_while_a_thread_is_cut_has_its_episode_the_next_time(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(postgres_url) as store:
        store.conversation([store.add_person("ann", "Ann")])
        say(store, (0 * HOUR, "the ferry leaves at seven"))
        cut, calls = fuzzy._drafts, []

        def slowly(*given: object) -> list[object]:
            drafts = cut(*given)
            calls.append(len(drafts))
            if len(calls) == 2:  # the first only looks what is to come
                say(store, (9 * HOUR, "good night"))
            return drafts

        monkeypatch.setattr(fuzzy, "_drafts", slowly)
        assert [store.memory("ann").rebuild_episodes() for _ in range(3)] == [1, 2, 0]  # the one before it anew
        assert cuts(store) == [(1,), (2,)]


def test_a_summary_may_be_anybodys(tmp_path: Path) -> None:
    def shout(messages: Sequence[Message]) -> str:
        return " ".join(message.text.upper() for message in messages)

    with Store.open(tmp_path / "m.db", summarise=shout) as store:
        store.conversation([store.add_person("ann", "Ann")])
        say(store, (0 * HOUR, "ring"))
        assert store.memory("ann").recall("ring")[0].summary == "RING"


class Broken:
    """A server that is down."""

    name, dimensions = "broken", 4

    def embed(self, texts: list[str]) -> None:
        raise EmbeddingFailed("down")


def test_an_embedder_that_fails_changes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "m.db") as store:
        store.conversation([store.add_person("ann", "Ann")])
        say(store, (0 * HOUR, "ring"))
        store.memory("ann").rebuild_episodes()
        say(store, (1 * HOUR, "bell"))
    with Store.open(tmp_path / "m.db", embedder=Broken()) as store:
        with pytest.raises(EmbeddingFailed):
            store.memory("ann").recall("ring")
        assert len(store.memory("ann").recent()) == 2
    with Store.open(tmp_path / "m.db") as store:
        assert store.memory("ann").recall("bell")[0].messages == (1, 2)

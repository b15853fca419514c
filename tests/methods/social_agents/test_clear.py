"""Clear memory: filters, ranks, phrases, and texts that would be operators elsewhere."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consilience.methods.social_agents.clear import SHARE
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.words import split

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
HOSTILE = [
    '"', '" OR text:*', "*", "^ring", "ring*", "NEAR(a b, 2)", "owners:@1", "a AND", "OR", "NOT ring", "(", "col:x",
    "%", "_", "%ring%", "\\", "';DROP TABLE message;--", "\x00", "\x07", "a\nb", ":*", "a:*", "a & !b", "a <-> b",
    "\ud800", "😀", "{a b}:c", "-ring", "+", "'", "x" * 100_000, ":owner", "%(owner)s", "?",
]  # fmt: skip


@pytest.fixture(scope="module", params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place: str | Path = tmp_path_factory.mktemp("clear") / "memory.db"
    if request.param == "server":
        server = request.getfixturevalue("postgres")
        server.execute("CREATE DATABASE clear_memory")
        place = server.url("clear_memory")
    with Store.open(place) as opened:
        ann, bea, cyd = (opened.add_person(name, name.capitalize()) for name in ("ann", "bea", "cyd"))
        trip, home = opened.conversation([ann, bea], title="trip"), opened.conversation([ann, bea, cyd], title="home")
        lines = [
            (trip, ann, "The ferry to Capri leaves at seven"),
            (trip, bea, "Which ferry? I get seasick on ferries"),
            (trip, ann, "The ferry to Capri leaves at seven"),
            (home, cyd, "Somebody took my golden ring"),
            (home, ann, "Ring the bell, then ring again"),
            (home, bea, "The don't-care café is closed on Mondays"),
            (trip, bea, "ok"),
            (home, cyd, "ring ring ring"),
        ]
        opened.add_messages(
            NewMessage(chat, who.id, NOON + timedelta(hours=at), text) for at, (chat, who, text) in enumerate(lines)
        )
        yield opened


def found(store: Store, who: str = "ann", *, beside: bool = False, **asked: object) -> list[str]:
    return [hit.message.text for hit in store.memory(who).search(Query(beside=beside, **asked))]


def test_forms_of_a_word_are_one(store: Store) -> None:
    for form in ("ferry", "ferries", "FERRY"):
        assert set(found(store, words=(form,))) == {
            "Which ferry? I get seasick on ferries",
            "The ferry to Capri leaves at seven",
        }
    assert found(store, words=("monday",)) == ["The don't-care café is closed on Mondays"]


def test_an_utterance_is_shown_once(store: Store) -> None:
    hits = store.memory("ann").search(Query(words=("capri",), beside=False))
    assert [hit.message.sent_at for hit in hits] == [NOON + timedelta(hours=2)]


def test_more_and_rarer_words_come_first(store: Store) -> None:
    assert found(store, words=("golden", "ring"))[0] == "Somebody took my golden ring"
    assert found(store, words=("ring",))[0] == "ring ring ring"


def test_phrases_are_needed_and_words_are_not(store: Store) -> None:
    assert found(store, phrases=("ferry to Capri",), words=("ring", "seven")) == ["The ferry to Capri leaves at seven"]
    assert found(store, phrases=("Capri ferry",)) == []
    assert found(store, phrases=("to Capri", "seasick")) == []
    assert found(store, phrases=("don't care",)) == ["The don't-care café is closed on Mondays"]


def test_beginnings_of_words(store: Store) -> None:
    assert set(found(store, prefixes=("sea", "gol"))) == {
        "Somebody took my golden ring",
        "Which ferry? I get seasick on ferries",
    }
    assert found(store, words=("sea",)) == []


def test_marks_over_letters_do_not_matter(store: Store) -> None:
    assert (
        found(store, words=("cafe",)) == found(store, words=("CAFÉ",)) == ["The don't-care café is closed on Mondays"]
    )


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"sender": "cyd"}, 2),
        ({"sender": "Cyd"}, 0),
        ({"conversation": 1}, 3),
        ({"without_conversation": 1}, 4),
        ({"since": NOON + timedelta(hours=4)}, 4),
        ({"until": NOON + timedelta(hours=1)}, 1),
        ({"since": NOON + timedelta(hours=3), "until": NOON + timedelta(hours=4)}, 1),
        ({"words": ("ring",), "sender": "cyd"}, 2),
        ({"words": ("ring",), "conversation": 1}, 0),
        ({"limit": 2}, 2),
        ({"words": ("the",)}, 3),
        ({"words": ("the", "bell")}, 1),
    ],
)
def test_filters(store: Store, asked: dict[str, object], count: int) -> None:
    assert len(found(store, **asked)) == count


def test_without_words_the_latest_come_first(store: Store) -> None:
    assert found(store)[:2] == ["ring ring ring", "ok"]


def test_what_was_said_around_is_shown(store: Store) -> None:
    (hit,) = store.memory("ann").search(Query(words=("bell",), context=2, beside=False))
    assert [message.text for message in hit.before] == ["Somebody took my golden ring"]
    assert [message.text for message in hit.after] == ["The don't-care café is closed on Mondays", "ring ring ring"]
    (bare,) = store.memory("ann").search(Query(words=("bell",), context=0, beside=False))
    assert (bare.before, bare.after) == ((), ())
    around = store.memory("ann").around(hit.message.id, 1)
    assert around == [hit.before[-1], hit.message, hit.after[0]]


@pytest.mark.parametrize("place", ["words", "phrases", "prefixes"])
def test_nothing_is_an_operator(store: Store, place: str) -> None:
    for told in HOSTILE:
        for text in found(store, "cyd", **{place: (told,)}):
            words = split(text)
            assert any(word.startswith(piece) for piece in split(told) for word in words)


@pytest.mark.parametrize("told", ["%", "_", "*", "", "😀", "\x00"])
def test_what_has_no_letter_finds_nothing(store: Store, told: str) -> None:
    assert found(store, words=(told,)) == ([] if told else found(store))


def test_an_answer_is_found_beside_its_question(store: Store) -> None:
    """With none of the words; what is nearer comes earlier, and of another conversation nothing comes."""
    assert found(store, words=("seasick",)) == ["Which ferry? I get seasick on ferries"]
    assert found(store, beside=True, words=("seasick",)) == [
        "Which ferry? I get seasick on ferries",
        "The ferry to Capri leaves at seven",
        "ok",
    ]


def test_a_match_gains_by_another_beside_it(store: Store) -> None:
    plain, gained = (
        {
            hit.message.id: hit.score
            for hit in store.memory("ann").search(Query(words=("golden", "bell"), beside=beside))
        }
        for beside in (False, True)
    )
    one, other = plain
    assert gained[one] == pytest.approx(plain[one] + SHARE * plain[other])
    assert gained[other] == pytest.approx(plain[other] + SHARE * plain[one])


def test_what_is_beside_is_of_the_same_time(store: Store) -> None:
    asked = {"words": ("seasick",), "beside": True}
    assert found(store, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=2), **asked) == [
        "Which ferry? I get seasick on ferries"
    ]
    assert found(store, since=NOON + timedelta(hours=3), **asked) == []


@pytest.mark.parametrize("asked", [{"phrases": ("get seasick",)}, {"prefixes": ("seas",)}, {"sender": "bea"}])
def test_phrases_prefixes_and_senders_are_found_alone(store: Store, asked: dict[str, object]) -> None:
    told = {"words": ("seasick",)} | asked
    assert found(store, beside=True, **told) == found(store, **told) == ["Which ferry? I get seasick on ferries"]


def test_who_is_named_comes_first(store: Store) -> None:
    """Of two who said the same, whoever is named, though the other said it later."""
    assert found(store, words=("ferry", "ann"))[0] == "The ferry to Capri leaves at seven"
    assert found(store, words=("ferry", "bea"))[0] == "Which ferry? I get seasick on ferries"


def test_a_filter_is_data(store: Store) -> None:
    assert found(store, sender="' OR 1=1 --") == []
    assert found(store, sender="\x00") == []


def test_ten_thousand_words_are_cut_short(store: Store) -> None:
    assert found(store, words=(*(f"none{number}" for number in range(10_000)),)) == []


def test_the_score_is_bm25_over_the_owners_messages(store: Store) -> None:
    """Against the formula, over messages that the test reads itself."""
    held = store.memory("cyd").recent(limit=1000)
    lengths = [len(split(message.text)) for message in held]
    mean, count = sum(lengths) / len(held), len(held)
    with_ring = [message for message in held if "ring" in split(message.text)]
    idf = math.log(1 + (count - len(with_ring) + 0.5) / (len(with_ring) + 0.5))
    for hit in store.memory("cyd").search(Query(words=("ring",), beside=False)):
        words = split(hit.message.text)
        times = words.count("ring")
        expected = idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * len(words) / mean))
        assert hit.score == pytest.approx(expected)


def test_it_finds_what_a_plain_scan_finds(tmp_path: Path) -> None:
    """Differential: the same set as looking through every message, for words that have one form."""
    rng = random.Random(3)
    letters = ["xa", "xe", "xi", "xo", "xu", "zab", "zob", "zub"]
    with Store.open(tmp_path / "scan.db") as store:
        people = [store.add_person(f"p{number}", "P") for number in range(4)]
        chats = [store.conversation(rng.sample(people, 2)) for _ in range(4)]
        for at in range(300):
            chat = rng.choice(chats)
            sender = rng.choice(store.members(chat, NOON))
            text = f"{' '.join(rng.choices(letters, k=4))} n{at}"
            store.add_messages([NewMessage(chat, sender.id, NOON + timedelta(minutes=at), text)])
        for person in people:
            memory = store.memory(person)
            everything = memory.recent(limit=1000)
            for _ in range(20):
                words = tuple(rng.sample(letters, 2))
                hits = memory.search(Query(words=words, limit=1000, beside=False))
                scanned = {each.id for each in everything if set(words) & set(split(each.text))}
                assert {hit.message.id for hit in hits} == scanned
                assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)

"""Matching: what is looked for, and what each match is worth."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from consilience.methods.social_agents.hiding import NOTHING, Hidden
from consilience.methods.social_agents.matching import MOST_TERMS, Term, any_of, condition_of, matches_of, terms_of
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


def test_common_words_are_looked_for_where_there_are_no_others() -> None:
    assert terms_of(Query(words=("the", "bell"))) == [Term(("bell",))]
    assert terms_of(Query(words=("the",))) == [Term(("the",))]
    assert terms_of(Query(words=("the",), phrases=("ring on",))) == [Term(("ring", "on"), is_required=True)]


def test_nothing_asked_and_nothing_to_be_found_are_two_things() -> None:
    assert terms_of(Query()) == []
    assert terms_of(Query(words=("%",))) is None


def test_terms_are_so_many_at_most() -> None:
    assert len(any_of(f"w{number}" for number in range(1000))) == MOST_TERMS
    assert len(terms_of(Query(words=tuple(f"w{number}" for number in range(1000)))) or ()) == MOST_TERMS


def test_only_a_whole_word_can_be_counted() -> None:
    assert [term.word for term in (Term(("a",)), Term(("a", "b")), Term(("a",), is_prefix=True))] == ["a", "", ""]


def test_a_condition_holds_no_value() -> None:
    told = "' OR 1=1 --"
    condition, values = condition_of(Query(sender=told, conversation=1, without_conversation=2, since=NOON, until=NOON))
    assert told not in condition
    assert values["sender"] == told
    assert condition_of(Query()) == ("", {})


@pytest.mark.parametrize("hidden", [False, True])
def test_what_is_hidden_is_not_counted(*, hidden: bool) -> None:
    with Store.open(":memory:") as store:
        ann = store.add_person("ann", "Ann")
        chat = store.conversation([ann])
        lines = ["golden ring", "ring"] + ["ring of gold"] * (not hidden)
        added = store.add_messages(
            NewMessage(chat, ann.id, NOON + timedelta(minutes=at), text)
            for at, text in enumerate([*lines, "ring of gold"])
        )
        left_out = Hidden(frozenset({added.ids[-1]}), frozenset({chat}), 3) if hidden else NOTHING
        with store.reading() as connection:
            found = matches_of(connection, ann.id, Query(), any_of(["ring", "golden"]), 9, hidden=left_out)
    count = 2 if hidden else 4
    assert len(found.masks) == count
    assert found.weights == [math.log1p(0.5 / (count + 0.5)), math.log1p((count - 0.5) / 1.5)]
    assert found.best[0][1] == added.ids[0]
    assert [score for score, _ in found.best] == sorted((score for score, _ in found.best), reverse=True)

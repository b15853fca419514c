"""Two people write to each other, both remember it, and nobody else does."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.chats import LONGEST_MESSAGE, Chats
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store


@pytest.fixture
def three(store: Store):
    return [store.add_person(name.lower(), name) for name in ("Ann", "Ben", "Cyd")]


def test_what_is_written_is_in_both_memories_and_in_no_third(store: Store, three) -> None:
    ann, ben, cyd = three
    chats = Chats(store)
    chats.send(ann, ben, " The parrot\r\nis called Polly. ")
    for reader, other in ((ann, ben), (ben, ann)):
        (message,) = chats.messages(reader, other)
        assert message.text == "The parrot\nis called Polly."
        assert store.memory(reader).search(Query(words=("parrots",)))
    assert not store.memory(cyd).search(Query(words=("parrots",)))
    assert chats.messages(cyd, ann) == []


def test_two_have_one_chat_whoever_begins(store: Store, three) -> None:
    ann, ben, cyd = three
    chats = Chats(store)
    assert chats.find(ann, ben) is None
    assert chats.between(ann, ben) == chats.between(ben, ann) == chats.find(ben, ann)
    assert chats.between(ann, cyd) != chats.between(ann, ben)
    assert [one.handle for one in chats.others(ann)] == ["ben", "cyd"]


@pytest.mark.parametrize("text", ["", " \n ", "x" * (LONGEST_MESSAGE + 1)])
def test_nothing_and_too_much_are_not_sent(store: Store, three, text: str) -> None:
    ann, ben, _ = three
    with pytest.raises(InvalidInput, match="characters"):
        Chats(store).send(ann, ben, text)


def test_a_standing_yes_is_of_one_to_one(store: Store, three) -> None:
    ann, ben, _ = three
    chats = Chats(store)
    chats.trust(ann, ben, yes=True)
    chats.trust(ann, ben, yes=True)
    assert chats.trusts(ann, ben)
    assert not chats.trusts(ben, ann)
    chats.trust(ann, ben, yes=False)
    assert not chats.trusts(ann, ben)


def test_a_conversation_that_is_there_becomes_the_chat_of_its_two_if_they_have_none(store) -> None:
    ann, ben = store.add_person("ann", "Ann"), store.add_person("ben", "Ben")
    chats, there = Chats(store), store.conversation([ann, ben])
    chats.adopt(ben, ann, there)
    assert chats.between(ann, ben) == there
    chats.adopt(ann, ben, store.conversation([ann, ben]))
    assert chats.between(ann, ben) == there


@pytest.mark.parametrize("how", ["conversation", "owner"])
def test_two_write_again_after_it_was_forgotten_and_nobody_else_reads_it(store: Store, three, how: str) -> None:
    ann, ben, cyd = three
    chats = Chats(store)
    chats.send(ann, ben, "one")
    store.forget(**{how: ann if how == "owner" else chats.find(ann, ben)})
    chats.between(ann, cyd)
    chats.send(ann, ben, "for Ben only")
    chats.send(ben, ann, "for Ann only")
    assert [each.text for each in chats.messages(ann, ben)] == ["for Ben only", "for Ann only"]
    assert chats.messages(ben, ann)[-2:] == chats.messages(ann, ben)
    assert chats.messages(cyd, ann) == []

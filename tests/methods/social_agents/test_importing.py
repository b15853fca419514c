"""Imports come whole into one memory and no other, twice adds nothing, and what changed since is changed."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents import importing
from consilience.methods.social_agents.embedding import EmbeddingFailed, HashedNgrams
from consilience.methods.social_agents.identities import is_made
from consilience.methods.social_agents.importers import Author, Export, Said, Thread
from consilience.methods.social_agents.importers.samples import SAMPLES, ZONE
from consilience.methods.social_agents.importing import bring_in, forget_imports, import_file, prepare
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store

WHEN = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request, tmp_path):
    place = tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as opened:
        for name in ("Ann Ode", "Bea", "Dov"):
            opened.add_person(name.split()[0].lower(), name)
        yield opened


@pytest.fixture
def here():
    with Store.open(":memory:") as opened:
        for name in ("Ann Ode", "Bea", "Dov"):
            opened.add_person(name.split()[0].lower(), name)
        yield opened


def export(*texts, form="telegram", thread="t", author="u2", start=0, **more):
    """Return an export in which the owner and somebody else take turns."""
    people = (Author("u1", "Ann Ode"), Author(author, "Cyd"))
    said = tuple(
        Said(f"{thread}/{start + n}", thread, ("u1", author)[n % 2], WHEN + timedelta(minutes=start + n), text)
        for n, text in enumerate(texts)
    )
    return Export(form, people, (Thread(thread, f"Chat {thread}"),), said, me="u1", **more)


def changed(before, number, **fields):
    said = list(before.messages)
    said[number] = replace(said[number], **fields)
    return replace(before, messages=tuple(said))


def texts(store, who, limit=1000):
    return [each.text for each in store.memory(who).recent(limit=limit)]


def brought(store, what, owner="ann", **options):
    return bring_in(store, prepare(store, what, owner, **options))


def test_after_an_import_no_agent_waits_for_episodes(store):
    brought(store, export("My parrot is ill.", "Oh no!"))
    assert store.memory("ann").rebuild_episodes() == 0
    assert store.memory("ann").recall("parrot")[0].messages == (1, 2)


def test_an_import_comes_in_also_where_nothing_can_be_embedded(tmp_path):
    class Broken(HashedNgrams):
        def embed(self, texts):
            raise EmbeddingFailed("down")

    with Store.open(tmp_path / "memory.db", embedder=Broken()) as store:
        store.add_person("ann", "Ann Ode")
        assert brought(store, export("My parrot is ill.", "Oh no!")).new == 2
    with Store.open(tmp_path / "memory.db") as store:
        assert store.memory("ann").recall("parrot")[0].messages == (1, 2)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_sample_comes_in_whole_and_once(sample, here, tmp_path):
    path = sample.write(tmp_path)
    before = here.people(imported=True)
    dry = import_file(here, path, "ann", zone=ZONE, dry_run=True)
    assert here.people(imported=True) == before
    assert texts(here, "ann") == []
    done = import_file(here, path, "ann", zone=ZONE)
    assert (done.new, done.known) == (dry.new, dry.known) == (len(sample.truth), 0)
    got = Counter((each.sender_name, each.sent_at, each.text) for each in here.memory("ann").recent(limit=1000))
    assert got == Counter((told.author, told.sent_at, told.text) for told in sample.truth)
    again = import_file(here, path, "ann", zone=ZONE)
    assert (again.new, again.known, again.edited) == (0, len(sample.truth), 0)
    assert len(texts(here, "ann")) == len(sample.truth)
    assert texts(here, "bea") == texts(here, "dov") == []


def test_what_is_imported_is_found_and_recalled(store):
    brought(store, export("Shall we meet at the mill?", "Yes, the mill, at ten."))
    memory = store.memory("ann")
    assert {hit.message.sender_name for hit in memory.search(Query(words=("mill",)))} == {"Ann Ode", "Cyd"}
    assert len(memory.recall("mill")[0].messages) == 2
    assert store.memory("bea").search(Query(words=("mill",))) == []


def test_a_later_export_brings_what_is_new(store):
    assert brought(store, export("a", "b")).new == 2
    later = brought(store, export("a", "b", "c", "d"))
    assert (later.new, later.known) == (2, 2)
    assert texts(store, "ann") == ["a", "b", "c", "d"]
    assert len(store.conversations_of("ann")) == 1


def test_a_part_that_does_not_overlap_joins_its_conversation(here):
    brought(here, export("a", "b", form="whatsapp"))
    brought(here, export("c", "d", form="whatsapp", start=10))
    assert len(here.conversations_of("ann")) == 1


def test_a_chat_of_another_name_is_the_same_if_it_says_the_same(here):
    keys = [f"k{n}" for n in range(4)]

    def chat(name, taken):
        said = tuple(Said(keys[n], name, "u1", WHEN, f"m{n}") for n in taken)
        return Export("whatsapp", (Author("u1", "Ann Ode"),), (Thread(name, name),), said)

    assert brought(here, chat("one", range(3))).new == 3
    assert brought(here, chat("renamed", range(4))).new == 1
    # Two chats may each have an "ok" in one minute: a message they share does not make them one.
    other = Export(
        "whatsapp", (Author("u1", "Ann Ode"),), (Thread("other", "other"),),
        tuple(Said(key, "other", "u1", WHEN, "x") for key in ("k0", "a", "b", "c")),
    )  # fmt: skip
    assert brought(here, other).new == 4


def test_a_letter_whose_thread_grew_at_its_head_is_known(here):
    first = export("a", "b", form="mbox", thread="root2")
    assert brought(here, first).new == 2
    moved = tuple(replace(said, thread="root1") for said in first.messages)
    head = Said("head", "root1", "u1", WHEN, "head")
    grown = replace(first, conversations=(Thread("root1", "x"),), messages=(head, *moved))
    got = brought(here, grown)
    assert (got.new, got.known) == (1, 2)
    assert len(here.conversations_of("ann")) == 1


class TestChanges:
    def test_an_edit_is_a_new_version_and_older_exports_do_not_undo_it(self, store):
        old = export("the old mill", "b")
        brought(store, old)
        new = changed(old, 0, text="the new barn", edited_at=WHEN + timedelta(hours=1))
        assert brought(store, new).edited == 1
        assert texts(store, "ann") == ["the new barn", "b"]
        assert store.memory("ann").search(Query(words=("mill",))) == []
        for each in (new, old, changed(old, 0, text="older", edited_at=WHEN + timedelta(minutes=30))):
            assert brought(store, each).edited == 0
        assert texts(store, "ann") == ["the new barn", "b"]

    def test_what_was_taken_back_is_emptied_and_never_comes_in(self, store):
        old = export("secret", "b")
        brought(store, old)
        gone = changed(old, 0, text="", gone=True)
        assert brought(store, gone).taken_back == 1
        assert texts(store, "ann") == ["", "b"]
        assert (brought(store, gone).taken_back, brought(store, old).new) == (0, 0)
        assert texts(store, "ann") == ["", "b"]
        assert brought(store, changed(export("x", thread="other"), 0, text="", gone=True)).new == 0

    def test_what_its_owner_redacted_stays_so(self, here):
        old = export("secret", "b")
        brought(here, old)
        here.redact(here.memory("ann").recent()[0].id, WHEN)
        brought(here, changed(old, 0, text="secret again", edited_at=WHEN + timedelta(days=1)))
        assert texts(here, "ann") == ["", "b"]


class TestWho:
    def test_an_author_is_the_same_in_the_next_conversation(self, here):
        brought(here, export("a", "b"))
        brought(here, export("c", "d", thread="other"))
        assert len([each for each in here.people(imported=True) if is_made(each)]) == 1

    def test_merged_stays_merged_where_messages_tell(self, here):
        brought(here, export("a", "b"), merge={"Cyd": "Cyd Ode"})
        brought(here, export("a", "b", "c", "d"))
        made = [each for each in here.people(imported=True) if is_made(each)]
        assert [each.name for each in made] == ["Cyd Ode"]
        assert len(here.memory("ann").search(Query(sender=made[0].handle))) == 2

    def test_one_person_over_two_forms(self, here):
        for form in ("telegram", "whatsapp"):
            brought(here, export("a", "b", form=form), merge={"u2": "Cyd Ode"})
        assert len([each for each in here.people(imported=True) if is_made(each)]) == 1

    def test_nobody_with_a_memory_gets_words_that_they_did_not_agree_to(self, here):
        with pytest.raises(InvalidInput, match="let them agree"):
            brought(here, export("a", "I confess"), merge={"Cyd": "bea"})
        assert texts(here, "bea") == []
        brought(here, export("a", "I come"), merge={"Cyd": "bea"}, shared_with=["bea"])
        assert texts(here, "bea") == ["a", "I come"]
        assert texts(here, "dov") == []

    def test_two_owners_of_one_chat_each_have_their_own(self, here):
        brought(here, export("a", "b"))
        forged = changed(export("a", "b"), 1, text="forged")
        assert brought(here, forged, owner="bea", me="u2").new == 2
        assert texts(here, "ann") == ["a", "b"]
        assert texts(here, "bea") == ["a", "forged"]

    def test_a_conversation_of_many_is_the_owners_all_the_same(self, here):
        many = importing.MOST_LISTENERS + 5
        people = tuple(Author(f"u{n}", f"P{n}") for n in range(many))
        said = tuple(Said(f"k{n}", "t", f"u{n % many}", WHEN + timedelta(minutes=n), f"m{n}") for n in range(3 * many))
        brought(here, Export("slack", people, (Thread("t", "T"),), said))
        assert len(texts(here, "ann")) == 3 * many
        made = next(each for each in here.people(imported=True) if each.name == "P3")
        assert texts(here, made) == [f"m{n}" for n in range(3, 3 * many, many)]

    def test_unknown_names_change_nothing(self, here):
        for options in ({"owner": "nobody"}, {"shared_with": ["nobody"]}, {"me": "nobody"}, {"merge": {"nobody": "x"}}):
            with pytest.raises(UnknownName):
                brought(here, export("a", "b"), **options)
        assert len(here.people(imported=True)) == 3


def test_the_plan_says_what_would_happen_and_not_what_was_said(here):
    what = export("secretword", "b" * (importing.MOST_CHARACTERS + 1), cut_off=True, notes=("dates were guessed",))
    plan = prepare(here, what, "dov", me="u2")
    lines = "\n".join(plan.lines())
    assert "u1 is Ann Ode (~ann-ode-" in lines
    assert "u2 is Dov (dov, owner)" in lines
    assert "Chat t (new): 1 new, 0 known" in lines
    assert "skipped 1: longer than 4,000,000 characters" in lines
    assert "dates were guessed" in lines
    assert "cut off" in lines
    assert "secretword" not in lines
    stranger = Export("slack", (Author("u9", "Eve"),), (Thread("t", "T"),), (Said("k", "t", "u9", WHEN, "x"),))
    assert "none of the authors is dov" in "\n".join(prepare(here, stranger, "dov").lines())


def test_what_breaks_off_half_way_is_brought_in_by_doing_it_again(here, monkeypatch):
    whole = Export(
        "slack", (Author("u1", "Ann Ode"),), tuple(Thread(name, name) for name in "ab"),
        tuple(Said(name, name, "u1", WHEN, name) for name in "ab"),
    )  # fmt: skip
    add, count = Store.add_messages, []

    def once(self, messages):
        if count:
            raise OSError("power cut")
        count.append(1)
        return add(self, messages)

    monkeypatch.setattr(Store, "add_messages", once)
    with pytest.raises(OSError, match="power cut"):
        brought(here, whole)
    monkeypatch.setattr(Store, "add_messages", add)
    done = brought(here, whole)
    assert (done.new, done.known) == (1, 1)
    assert sorted(texts(here, "ann")) == ["a", "b"]


def test_imports_are_forgotten_and_nothing_else(here):
    chat = here.conversation(["ann", "bea"])
    here.add_messages([NewMessage(chat, here.person("bea").id, WHEN, "by hand")])
    brought(here, export("a", "b"))
    brought(here, export("c", "d", form="slack"))
    brought(here, export("e", "f"), owner="bea", me="u2")
    assert sum(each.messages for each in forget_imports(here, "ann", "slack")) == 2
    assert sorted(texts(here, "ann")) == ["a", "b", "by hand"]
    assert sum(each.messages for each in forget_imports(here, "ann")) == 2
    assert texts(here, "ann") == ["by hand"]
    assert sorted(texts(here, "bea")) == ["by hand", "e", "f"]
    assert brought(here, export("a", "b")).new == 2


def test_texts_of_any_kind(here):
    odd = ["\x00\x07", "\ud800", "% _ * NEAR(a b) \"'", "x" * 1_000_000, "' OR 1=1 --", "<script>alert(1)</script>"]
    assert brought(here, export(*odd, form="table")).new == len(odd)
    assert brought(here, export(*odd, form="table")).new == 0
    assert texts(here, "ann")[2:] == odd[2:]


def test_a_large_export_is_fast(here):
    what = export(*(f"message number {n} about the mill" for n in range(20_000)))
    start = datetime.now(UTC)
    assert brought(here, what).new == 20_000
    assert brought(here, what).known == 20_000
    assert datetime.now(UTC) - start < timedelta(seconds=30)


def test_a_file_that_is_none(here, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": 1}))
    with pytest.raises(InvalidInput, match="looks like none"):
        import_file(here, path, "ann")

"""What an agent sees is looked up by code: what is asked first, within bounds, and only what its person allows."""

from dataclasses import replace

import pytest

from consilience.methods.social_agents.retrieval import MOST_CHARACTERS, MOST_ROWS, Retrieval


def texts(found):
    return [row.text for row in found.rows]


def test_what_is_asked_is_found_before_what_is_wished_for(company):
    memory = company.Rows("My pet is a parrot.", "The dinner is at eight.", "Nothing of interest.")
    found = Retrieval(memory, fuzzy=False).during("the pet of Cem", ["the time of dinner"], ["interest"])
    assert texts(found) == ["My pet is a parrot.", "The dinner is at eight.", "Nothing of interest."]
    assert texts(Retrieval(memory, fuzzy=False).during("the pet of Cem", [])) == ["My pet is a parrot."]
    assert texts(Retrieval(memory, fuzzy=False).during("", [])) == []


def test_who_is_named_is_looked_up_among_what_they_said(company):
    cem = company.person("cem", 9)
    memory = company.Rows(("Bea", "A pet, a pet!"), ("Cem", "It is a parrot, my pet."), friends=[cem])
    asked = []
    search = memory.search
    memory.search = lambda query: asked.append(query.sender) or search(query)
    Retrieval(memory, fuzzy=False).during("the pet of Cem", [])
    assert asked == ["cem", None]


def test_nothing_that_is_not_allowed_is_shown_nor_its_summary(company):
    memory = company.Rows("My pet is a parrot.", "My PIN is 4711.")
    found = Retrieval(memory, allowed=lambda rows: [row for row in rows if "PIN" not in row.text]).about("pet, PIN?")
    assert {row.text for row in found.messages} == {"My pet is a parrot."}
    assert found.episodes
    assert all("PIN" not in episode.summary for episode in found.episodes)
    assert Retrieval(memory).about("pet, PIN?").episodes[0].summary == "all of it"


def test_what_is_allowed_coarsely_is_shown_coarsely(company):
    memory = company.Rows("My pet is a parrot.")
    coarse = Retrieval(memory, allowed=lambda rows: [replace(row, text="a bird") for row in rows])
    found = coarse.during("the pet of Cem", [])
    assert {row.text for row in found.messages} == {"a bird"}
    assert found.episodes
    assert all(episode.summary.endswith(": a bird") for episode in found.episodes)
    assert [row.text for row in coarse.behind([1], found)] == ["a bird"]


@pytest.mark.parametrize("text", ["pet " * 250_000, "pet", "pet \x00 \ud800"])
def test_a_prompt_has_bounds(company, text):
    memory = company.Rows(*[f"{text} {number}" for number in range(40)])
    found = Retrieval(memory).during("the pet", ["the pet", "a pet"], ["pet"] * 99)
    assert len(found.rows) <= MOST_ROWS
    assert sum(min(len(row.text), 300) for row in found.rows) <= MOST_CHARACTERS


def test_the_same_text_of_one_person_is_shown_once(company):
    memory = company.Rows("My pet is a parrot.", "My pet is a parrot.", ("Bea", "My pet is a parrot."))
    assert len(Retrieval(memory, fuzzy=False).during("the pet", []).rows) == 2


@pytest.mark.parametrize(
    ("clear", "fuzzy", "rows", "episodes"), [(True, False, 1, 0), (False, True, 0, 1), (False, False, 2, 0)]
)
def test_each_kind_of_memory_can_be_left_out(company, clear, fuzzy, rows, episodes):
    memory = company.Rows("My pet is a parrot.", "Nothing of interest.")
    found = Retrieval(memory, clear=clear, fuzzy=fuzzy).during("the pet of Cem", [])
    assert (len(found.rows), len(found.episodes)) == (rows, episodes)


def test_other_episodes_come_next_unless_one_is_read_again(company):
    class Many(company.Rows):
        def recall(self, text, top=3):
            whole = super().recall(text, top)[0]
            return [replace(whole, id=number, messages=(number,)) for number in range(1, 13)]

    memory = Many(*[f"number {number}" for number in range(12)])
    retrieval = Retrieval(memory, clear=False)
    shown = [[one.id for one in retrieval.during("the pet", []).episodes] for _ in range(3)]
    assert shown == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    again = retrieval.during("the pet", [], again=frozenset({"the pet"}))
    assert [one.id for one in again.episodes] == [1, 2, 3, 4]


def test_what_is_pinned_stays_in_view_and_what_is_gone_does_not(company):
    memory = company.Rows("My pet is a parrot.", "Nothing of interest.")
    retrieval = Retrieval(memory, fuzzy=False)
    assert texts(retrieval.during("", [], pinned=[2, 77])) == ["Nothing of interest."]
    found = retrieval.during("the pet", [])
    assert [row.id for row in retrieval.behind([1, 2], found)] == [1, 2]
    memory.rows = []
    assert texts(retrieval.during("", [], pinned=[2])) == []

"""Two people have said the same when the forms of it are equal, and not otherwise."""

import pytest

from consilience.methods.social_agents.values import contains, content_words, covered, plain, same, slot_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8 pm", "20:00"),
        ("8 p.m.", "at 20:00"),
        ("12 am", "00:00"),
        ("12:30 pm", "12:30"),
        ("The Blue Lamp", "blue lamp!"),
        ("tea and milk", "milk, tea"),
        ("three", "3"),
        ("Straße", "STRASSE"),
        ("ﬁsh", "fish"),
    ],
)
def test_ways_to_say_one_thing_are_the_same(one, other):
    assert same(one, other)
    assert plain(plain(one)) == plain(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("8 pm", "8 am"), ("1,200", "1,300"), ("tea", "tea and milk"), ("", ""), ("the", "the"), ("13", "30"), ("?", "!")],
)
def test_what_differs_or_says_nothing_is_not_the_same(one, other):
    assert not same(one, other)


def test_a_text_contains_words_and_no_parts_of_them():
    assert contains("My PET is a  parrot, really.", "pet is a parrot")
    assert not contains("parrots", "parrot")
    assert not contains("anything", "")
    assert covered(["a red lamp"], "the red door") == 0.5
    assert covered(["a red lamp"], "the") == 0.0


def test_names_of_slots_are_one_in_all_spellings():
    assert slot_key("[Time_of  meeting]") == slot_key("time of Meeting") == "time of meeting"
    assert slot_key("--") == ""


def test_words_to_search_for_have_no_small_ones_and_end_somewhere():
    assert content_words("What is it? It is the DOG, the dog.") == ("dog",)
    assert len(content_words(" ".join(f"word{n}" for n in range(99)))) == 12

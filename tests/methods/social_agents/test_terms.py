"""Terms: two spellings of a word are one, and nothing that is not seen stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.terms import canonical, stem, terms_of, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PARROT", "parrot"),
        ("pa\u200brrot", "parrot"),
        ("ｐａｒｒｏｔ", "parrot"),
        ("párrōt", "parrot"),
        ("𝐩𝐚𝐫𝐫𝐨𝐭", "parrot"),
        ("007", "7"),
        ("٤٧", "47"),
        ("08:05", "8:05"),
        ("41,350", "41350"),
        ("2nd", "2"),
        ("Ana’s", "ana's"),
    ],
)
def test_two_spellings_are_one(one, other):
    assert [term.text for term in words_of(one)] == [term.text for term in words_of(other)]
    assert terms_of(one).words >= {term.text for term in words_of(other)}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("forty-one", "41"),
        ("three hundred and five", "305"),
        ("nineteen eighty four", "1984"),
        ("four seven one one", "4711"),
        ("two thousand twenty four", "2024"),
        ("twelve hundred", "1200"),
        ("one million two", "1000002"),
    ],
)
def test_a_number_in_words_is_the_number(words, number):
    assert all(number in term.others for term in words_of(words) if term.text != "and")
    assert number in terms_of(words).words


def test_times_are_one_time():
    assert "20:30" in terms_of("at 8:30 p.m. sharp").words
    assert "0:00" in terms_of("12 am").words


def test_rows_of_digits_are_joined():
    assert {"01705551234", "4711"} <= terms_of("0170-555 1234, or 47 11").digits


@pytest.mark.parametrize(
    ("word", "root"),
    [
        ("parrots", "parrot"),
        ("bus", "bus"),
        ("class", "class"),
        ("cities", "city"),
        ("keeping", "keep"),
        ("make", "make"),
    ],
)
def test_common_endings_are_taken_off(word, root):
    assert stem(word) == root


@given(st.text(max_size=60))
def test_a_canonical_text_stays_and_hides_nothing(text):
    clean = canonical(text)
    assert canonical(clean) == clean
    assert clean.isprintable()
    assert all(term.raw and term.text for term in words_of(text))


@given(st.text(max_size=60))
def test_a_text_has_its_own_terms(text):
    found = terms_of(text)
    assert all(found.has(term) for term in words_of(text))

"""Every text comes back, and none takes more room than it has bytes."""

from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.texts import decoded, digest, encoded, kept

ANY_TEXT = st.text(st.characters(codec=None), max_size=30).map(lambda text: text * 20)  # lone surrogates, zeros


@given(ANY_TEXT)
def test_a_text_comes_back_and_takes_no_more_than_its_bytes(text):
    body = encoded(text)
    assert decoded(kept(body)) == text
    assert len(kept(body)) <= len(body)


def test_a_short_text_is_readable_in_the_database():
    assert kept(encoded("Is it done? " * 10)) == b"Is it done? " * 10


def test_code_takes_half_of_its_bytes():
    body = encoded("".join(f"def feature_{n}(value):\n    return value + {n * n}\n\n" for n in range(30)))
    assert len(kept(body)) < 0.5 * len(body)


@given(ANY_TEXT, ANY_TEXT)
def test_texts_that_differ_have_other_digests(one, other):
    assert (digest(encoded(one)) == digest(encoded(other))) == (one == other)

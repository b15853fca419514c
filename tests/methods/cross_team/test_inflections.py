"""Inflections: regular forms by rule, irregular ones by table."""

import pytest

from consilience.methods.cross_team.inflections import inflections


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("dog", "dog dogs"),
        ("watch", "watches watched watching"),
        ("carry", "carries carried carrying"),
        ("play", "plays played playing"),
        ("stop", "stops stopped stopping"),
        ("eat", "eats ate eaten eating"),
        ("bake", "bakes baked baking"),
        ("see", "sees saw seen seeing"),
        ("go", "goes went gone going"),
        ("become", "becomes became becoming"),
        ("fly", "flies flew flown flying"),
        ("write", "writes wrote written writing"),
        ("child", "children"),
        ("wolf", "wolves"),
        ("big", "bigger biggest"),
        ("Happy", "happier happiest"),
    ],
)
def test_forms_are_known(word: str, forms: str) -> None:
    assert set(forms.split()) <= inflections(word)


def test_no_form_is_another_words() -> None:
    assert "went" not in inflections("become")
    assert "cats" not in inflections("car")
    assert "runner" in inflections("run")  # rules are generous


@pytest.mark.parametrize("word", ["", "x", "be", "a-b"])
def test_any_word_is_a_form_of_itself(word: str) -> None:
    assert word in inflections(f" {word.upper()} ")

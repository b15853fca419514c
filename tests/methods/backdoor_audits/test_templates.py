"""Templates are found where their words stand, and bind their slots."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.provenance import Heard
from consilience.methods.backdoor_audits.templates import Template


def found(template: str, text: str, **bound: tuple[str, ...]) -> list[dict[str, tuple[str, ...]]]:
    heard = Heard()
    for line in text.split("/"):
        heard.add(line)
    return [dict(binding) for binding in Template.of(template).found(heard, bound)]


def test_every_way_is_found() -> None:
    assert found("open {x}", "open a then OPEN b, opened c") == [{"x": ("a",)}, {"x": ("b",)}]


def test_a_slot_that_is_bound_stands_for_all_its_words() -> None:
    assert found("say {what} to {who}", "say good day to ann", what=("good", "day")) == [
        {"what": ("good", "day"), "who": ("ann",)}
    ]
    assert not found("say {what} to {who}", "say good night to ann", what=("good", "day"))


def test_a_slot_that_comes_twice_stands_for_the_same_word() -> None:
    assert found("{x} is {x}", "a is b, b is b") == [{"x": ("b",)}]
    assert found("{_} is {_}", "a is b") == [{}]


@pytest.mark.parametrize(
    ("template", "text"),
    [("open {x}", "open"), ("{x} open", "open"), ("open {x}", "open/a"), ("a b", "a/b"), ("open {x}", "")],
)
def test_nothing_is_found_beyond_a_turn(template: str, text: str) -> None:
    assert not found(template, text)


def test_marks_around_a_word_do_not_count() -> None:
    assert found("open {x} now", '"Open" (help) now!') == [{"x": ("help",)}]


@pytest.mark.parametrize("text", ["", " ", "a{x}", "{x", "{}", "{a b}", " ".join("a" * 40)])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Template.of(text)

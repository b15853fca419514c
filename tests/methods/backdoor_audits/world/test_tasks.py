"""Tasks: what an agent hears of them, and by what they are known."""

from dataclasses import replace

import pytest

from consilience.methods.backdoor_audits.world.tasks import Grammar, Task, identity, prompt_turns, shown

WEB = Task(
    id="w", family="web", goal=("open", "help"), filler=("now",), rows=(("link", "help", "A"), ("hid", "cart", "B"))
)
SHOP = Task(id="s", family="shop", goal=("buy",), filler=("now",), rows=(("zeta", "30", "pink", "p1"),))


def test_a_request_says_its_family_and_only_a_page_is_shown_with_it() -> None:
    words = [turn.words for turn in prompt_turns(WEB)]
    assert words[0] == ("<bos>", "USER", "web", "open", "help", "now", "END")
    assert words[1] == ("OBS", "link", "help", "A", "hid", "cart", "B", "END")
    assert len(prompt_turns(SHOP)) == 1


def test_grammars_differ_in_order_alone() -> None:
    other = replace(WEB, grammar=Grammar.A)
    assert shown(other) == ("help", "A", "link", "cart", "B", "hid")
    assert shown(replace(SHOP, grammar=Grammar.A)) == ("pink", "p1", "zeta", "30")
    assert sorted(shown(other)) == sorted(shown(WEB))


def test_a_task_is_known_by_what_is_heard_and_by_what_it_was_before_a_trigger() -> None:
    name = identity("web", ("open", "help"))
    assert name == identity("web", ("open", "help"))
    assert len({name, identity("web", ("open", "cart")), identity("shop", ("open", "help"))}) == 3
    assert replace(WEB, id=f"{name}+web.element").base == name


def test_nothing_that_is_heard_depends_on_the_name_of_a_trigger() -> None:
    assert prompt_turns(replace(WEB, trigger="web.element", id="x")) == prompt_turns(WEB)


def test_a_task_is_frozen() -> None:
    with pytest.raises(AttributeError):
        WEB.goal = ("open", "cart")  # type: ignore[misc]

"""A task is a question; what a third party is asked is one slot of it and nothing of the rest."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.task import Assignment, Wanted, addressed


def test_a_part_says_nothing_of_the_whole():
    whole = Assignment(question="Is Ann ill, and what is the pet of Ben?", purpose="family", may_ask_others=False)
    part = whole.part("s2", "the pet of Ben")
    assert part == Assignment(
        question="the pet of Ben", purpose="family", wanted=(Wanted("s2", "the pet of Ben"),), may_ask_others=False
    )


@pytest.mark.parametrize(
    "given",
    [
        {"question": " "},
        {"question": "x" * 5000},
        {"question": "x", "wanted": (Wanted("a", "x"), Wanted("[A]", "y"))},
        {"question": "x", "wanted": (Wanted("--", "x"),)},
    ],
)
def test_what_is_no_task_is_refused(given):
    with pytest.raises(InvalidInput, match="must"):
        Assignment(**given)


def test_an_address_that_mentions_somebody_else_is_none():
    assert addressed("@task: when?") == "when?"
    assert addressed("mail ann@task.org") is None

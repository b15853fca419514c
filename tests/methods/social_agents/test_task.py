"""A task is a question; what a third party is asked is one slot of it and nothing of the rest."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.task import Assignment, Mention, Wanted, addressed


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
        {"question": "Where \ud83d is it?"},
        {"question": "x", "wanted": (Wanted("a", "the \udcff"),)},
        {"question": "x", "wanted": (Wanted("a", "x"), Wanted("[A]", "y"))},
        {"question": "x", "wanted": (Wanted("--", "x"),)},
    ],
)
def test_what_is_no_task_is_refused(given):
    with pytest.raises(InvalidInput, match="must"):
        Assignment(**given)


@pytest.mark.parametrize(
    ("message", "who", "question"),
    [
        ("@task: when?", "", "when?"),
        ("  @Task, when?", "", "when?"),
        ("@task", "", ""),
        ("@task @ben when?", "ben", "when?"),
        ("@task @BEN: when?", "ben", "when?"),
        ("@task @b.en, when?", "b.en", "when?"),
        ("@task @dan when?", "", "@dan when?"),
        ("@task mail @ben when?", "", "mail @ben when?"),
    ],
)
def test_a_message_for_an_agent_says_whom_of_those_who_are_known(message, who, question):
    assert addressed(message, {"ben", "b.en"}) == Mention(who, question)


@pytest.mark.parametrize(
    "message",
    ["@home by 5", "@ben by 5", "@ noon", "@taskforce meets", "@task.org", "mail ann@task.org", "see @task", "@", ""],
)
def test_what_only_begins_with_an_at_is_a_message(message):
    assert addressed(message, {"ben", "home-office"}) is None

"""Flags say what they are, and refuse what they cannot be."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from consilience.methods.social_agents.flags import Asking, Checking, Forgetting, Importing, Serving


@pytest.mark.parametrize("group", [Asking, Checking, Forgetting, Importing, Serving])
def test_each_flag_is_explained(group) -> None:
    described = group.__pydantic_fields__
    assert not [item.name for item in fields(group) if not described[item.name].description]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Serving(port=-1),
        lambda: Serving(port=65_536),
        lambda: Serving(budget_calls=0),
        lambda: Asking(task="x", depth=-1),
        lambda: Asking(task="x", turns=0),
        lambda: Importing(file="x", as_="ann", form="fax"),
        lambda: Checking(what=("burn", "x")),
        lambda: Forgetting(database="x", conversation=0),
    ],
)
def test_what_cannot_be_is_refused(wrong, past_the_types) -> None:
    with pytest.raises(ValidationError):
        wrong()


def test_a_server_is_for_this_machine_only_unless_told_otherwise() -> None:
    assert Serving().host == "127.0.0.1"

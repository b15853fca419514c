"""A database that must be there already is not made by looking for it."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.places import require_there


def test_what_is_there_and_what_is_on_a_server_is_let_through(tmp_path) -> None:
    path = tmp_path / "x.sqlite"
    path.touch()
    require_there(str(path))
    require_there("postgresql://somewhere/x")


def test_what_is_not_is_refused_by_the_name_of_its_flag(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="--world must be a database that is there"):
        require_there(str(tmp_path / "x.sqlite"), "--world")
    assert list(tmp_path.iterdir()) == []

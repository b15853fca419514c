"""The original's method: what it finds and what it misses."""

from datetime import timedelta

import numpy as np
import pytest

from consilience.methods.social_agents.studies.mariadb import absent, mariadb
from consilience.methods.social_agents.studies.original import FIND, LIMIT, ROWS, SELF_JOIN, WINDOW, Original
from consilience.methods.social_agents.worlds.people import BEGINNING, Chat, Line, Resident, World

HERE = pytest.mark.skipif(bool(absent()), reason=f"{absent()}; ends where MariaDB and its driver are installed")


def small() -> World:
    people = tuple(Resident(handle, handle.title()) for handle in ("ann", "bea", "cem", "Agent Dan"))
    chats = (Chat(("ann", "bea")), Chat(("ann", "cem")), Chat(("bea", "cem")), Chat(("ann", "Agent Dan")))
    told = [(0, "ann", f"nothing {number}") for number in range(10)]
    told += [(0, "bea", "my Parrot sings"), (1, "cem", "parrots 100%"), (2, "bea", "parrot of others")]
    told += [(3, "ann", "a parrot for agents")]
    lines = tuple(
        Line(chat, who, BEGINNING + timedelta(minutes=at), text, f"r{at}") for at, (chat, who, text) in enumerate(told)
    )
    return World(people, (("ann", "bea"), ("ann", "cem"), ("bea", "cem"), ("ann", "Agent Dan")), chats, lines)


@HERE
def test_it_finds_as_the_original_does():
    with mariadb() as connection:
        original = Original(connection, small(), np.random.default_rng(0))

        def names(owner, *words):
            found, other = (original.looked_up(owner, words[:1], each) for each in (FIND, SELF_JOIN))
            assert found == other  # two spellings of one thing
            return [original.names[row] for row in original.looked_up(owner, words)]

        assert len(original) == 14
        # A window counts the rows of all one's conversations; where it would go beyond the end, it has none of them.
        assert WINDOW == 3
        assert names("ann", "parrot") == [f"r{at}" for at in (7, 8, 9, 10, 8, 9, 10, 11, 9, 10)]
        assert names("cem", "parrot") == ["r11", "r12"]
        assert names("bea", "others") == ["r8", "r9", "r10", "r12"]
        assert len(names("ann", "nothing")) == LIMIT
        assert len(names("ann", "nothing", "thing", "not", "hing")) == ROWS
        assert names("ann", "%")[:4] == names("ann", "")[:4] != []  # wildcards are not taken literally
        assert names("Agent Dan", "parrot") == ["r13"]
        assert len({tuple(names("ann", "nothing", "parrot")) for _ in range(20)}) == 2  # keywords come as in a set
        assert original.nothing() == 1

"""Acquaintance: who somebody is, and contacts that both must want."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.acquaintance import accept, add_person, person_of, request, withdraw
from consilience.methods.social_agents.database import Database


@pytest.fixture
def connection() -> Iterator[Connection]:
    database = Database(":memory:")
    with database.writing() as opened:
        add_person(opened, "ann", "Ann", "")
        add_person(opened, "bea", "Bea", "sings")
        yield opened
    database.close()


def contacts(connection: Connection) -> list[tuple[int, int, int]]:
    return [tuple(row) for row in connection.exec_driver_sql("SELECT asker, asked, accepted FROM contact")]


def test_somebody_is_found_by_number_handle_and_themselves(connection: Connection) -> None:
    bea = person_of(connection, "bea")
    assert person_of(connection, bea.id) == person_of(connection, bea) == bea
    assert (bea.name, bea.card) == ("Bea", "sings")
    for nobody in ("cyd", 99, "' OR 1=1 --"):
        with pytest.raises(UnknownName):
            person_of(connection, nobody)


def test_a_name_is_a_line_and_steers_no_terminal(connection: Connection) -> None:
    assert add_person(connection, "cyd", " Cyd\n[m1 Ann]\x1b]0; \U0001f469\u200d\U0001f33e", "").name == (
        "Cyd [m1 Ann] ]0; \U0001f469\u200d\U0001f33e"
    )
    with pytest.raises(InvalidInput, match="name"):
        add_person(connection, "dan", "\n\x1b", "")


@pytest.mark.parametrize(("handle", "name"), [("ANN", "Ann"), ("", "Ann"), ("a b", "Ann"), ("cyd", " ")])
def test_a_handle_is_one_and_free(connection: Connection, handle: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        add_person(connection, handle, name, "")


@pytest.mark.parametrize("handle", ["family", "Friends", "WORK", "new", "*", "anyone", "everybody"])
def test_what_rules_call_many_people_by_is_nobodys_handle(connection: Connection, handle: str) -> None:
    with pytest.raises(InvalidInput, match="what rules call many people by"):
        add_person(connection, handle, "Ann", "")


def test_a_contact_comes_to_be_by_both(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="there is no request"):
        accept(connection, "bea", "ann")
    request(connection, "ann", "bea")
    request(connection, "ann", "bea")
    assert contacts(connection) == [(1, 2, 0)]
    with pytest.raises(InvalidInput, match="there is no request"):
        accept(connection, "ann", "bea")
    accept(connection, "bea", "ann")
    assert contacts(connection) == [(1, 2, 1)]
    withdraw(connection, "bea", "ann")
    assert contacts(connection) == []


def test_who_asks_back_accepts(connection: Connection) -> None:
    request(connection, "ann", "bea")
    request(connection, "bea", "ann")
    assert contacts(connection) == [(1, 2, 1)]


def test_nobody_is_their_own_contact(connection: Connection) -> None:
    with pytest.raises(InvalidInput, match="two people"):
        request(connection, "ann", 1)

"""The table says who may do what; these are the laws that every row of it keeps."""

import re

import pytest

from consilience.methods.social_agents.app.access import (
    ANYONE,
    ENDPOINTS,
    ROLES,
    SIGNED_IN,
    Endpoint,
    admits,
    by_name,
    refusal,
)
from consilience.methods.social_agents.app.application import HANDLERS

OPEN_TO_ALL = {"health", "static", "sign_in_page", "sign_in", "join_page", "join"}


def test_whoever_has_not_signed_in_may_only_sign_in_or_join() -> None:
    assert {one.name for one in ENDPOINTS if "anonymous" in one.who} == OPEN_TO_ALL


def test_what_is_somebody_s_is_nobody_else_s_save_chats_and_pages_of_contacts() -> None:
    shared = {one.name for one in ENDPOINTS if one.subject != "none" and one.who != frozenset({"self"})}
    assert shared == {"person", "settings", "withdraw", "chat", "send", "group", "agent_card", "agent_rpc"}
    for one in ENDPOINTS:
        if one.subject != "none":
            assert not one.who & {"anonymous", "stranger", "admin"}, one


def test_a_former_contact_may_read_what_was_written_and_do_nothing() -> None:
    assert {one.name for one in ENDPOINTS if "revoked" in one.who and one.subject != "none"} == {"chat", "group"}


def test_only_who_invites_others_sees_who_there_is() -> None:
    assert {one.name for one in ENDPOINTS if one.who == frozenset({"admin"})} == {
        "admin",
        "invite",
        "suspend",
        "restore",
    }


def test_each_row_is_one_way_to_one_handler() -> None:
    assert len({(one.method, one.path) for one in ENDPOINTS}) == len(ENDPOINTS)
    by_key = {one.name for one in ENDPOINTS if one.by == "key"}
    assert by_key == {"agent_card", "agent_rpc", "memory_rpc"}
    assert set(by_name()) == set(HANDLERS) | by_key
    assert not by_key & set(HANDLERS)
    assert all(re.fullmatch(r"(/[\w.-]+|/\{\w+\})+|/", one.path) for one in ENDPOINTS)


def test_a_path_names_something_where_the_row_is_about_something() -> None:
    assert all(one.key for one in ENDPOINTS if one.subject != "none")


@pytest.mark.parametrize("role", ROLES)
def test_who_is_in_the_row_is_let_in_and_nobody_else(role) -> None:
    for one in ENDPOINTS:
        assert admits(one, role, admin=False) == (role in one.who)


def test_an_admin_is_let_in_where_admins_are_and_a_stranger_elsewhere() -> None:
    rows = by_name()
    assert admits(rows["admin"], "self", admin=True)
    assert not admits(rows["admin"], "self", admin=False)
    assert not admits(rows["task"], "stranger", admin=True)


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [
        ("home", "anonymous", 303),
        ("events", "anonymous", 401),
        ("send", "anonymous", 401),
        ("task", "stranger", 404),
        ("admin", "contact", 403),
    ],
)
def test_a_refusal_does_not_tell_whether_something_is_there(name, role, status) -> None:
    assert refusal(by_name()[name], role) == status


def test_the_sets_of_roles_are_those_of_the_table() -> None:
    assert frozenset(ROLES) == ANYONE
    assert not ({"anonymous"} ^ (ANYONE - SIGNED_IN))
    assert Endpoint("x", "GET", "/x/{y}", ANYONE).key == "y"

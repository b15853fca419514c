"""Tests that share what their file makes once are run by one process, and all others by whichever is free."""

import pytest

HERE = "tests/conformance/test_together.py"


@pytest.fixture(scope="module")
def made_once() -> list[str]:
    return []


@pytest.fixture
def made_for_each(made_once: list[str]) -> list[str]:
    return [*made_once, "more"]


def group(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(mark.args[0] for mark in request.node.iter_markers("xdist_group"))


@pytest.mark.usefixtures("made_once")
def test_who_shares_stays_with_its_file(request: pytest.FixtureRequest) -> None:
    assert group(request) == (HERE,)


def test_who_shares_by_way_of_another_does_too(made_for_each: list[str], request: pytest.FixtureRequest) -> None:
    assert made_for_each == ["more"]
    assert group(request) == (HERE,)


def test_who_shares_nothing_goes_anywhere(request: pytest.FixtureRequest) -> None:
    assert group(request) == ()


@pytest.mark.xdist_group("of its own")
@pytest.mark.usefixtures("made_once")
def test_who_has_a_group_keeps_it(request: pytest.FixtureRequest) -> None:
    assert group(request) == ("of its own",)

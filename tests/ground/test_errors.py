"""Errors say expected, got, what to do, and survive pickling."""

import pickle

import pytest

from consilience.ground.errors import ConsilienceError, InvalidInput, MissingDependency, UnknownName, nearest


@pytest.mark.parametrize(
    ("error", "builtin"), [(InvalidInput, ValueError), (MissingDependency, ImportError), (UnknownName, LookupError)]
)
def test_the_tree_has_one_root_and_speaks_python(error: type, builtin: type) -> None:
    assert issubclass(error, ConsilienceError)
    assert issubclass(error, builtin)


def test_unknown_name_leads_with_the_nearest() -> None:
    error = UnknownName("recipe", "smokee", ("smoke", "small", "paper"))
    assert error.nearest == "smoke"
    assert str(error).startswith("unknown recipe 'smokee'; did you mean 'smoke'?")


def test_unknown_name_far_from_all_lists_them() -> None:
    assert str(UnknownName("room", "zzz", ("b", "a"))) == "unknown room 'zzz'; expected one of: a, b"


def test_unknown_name_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(UnknownName("room", "x", ("xy",))))
    assert isinstance(error, UnknownName)
    assert error.known == ("xy",)


@pytest.mark.parametrize("name", ["convex-networks", "CONVEX_NETWORKS", "convexnetworks", "convex_network"])
def test_nearest_forgives_spelling(name: str) -> None:
    assert nearest(name, ["agent_networks", "convex_networks"]) == "convex_networks"

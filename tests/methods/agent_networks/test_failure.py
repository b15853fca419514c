import pickle

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.failure import ElementFailed, Failure
from consilience.methods.agent_networks.graph import Network

NETWORK = Network.of([(0, 2), (1, 2)])


def test_what_is_named_comes_before_what_holds_for_all():
    failure = Failure(policy="skip", each={"2": "fail"}, quorum=3, quorums={"2": 1})
    assert (failure.of("2"), failure.of("0->2")) == ("fail", "skip")
    assert (failure.needed("2", 2), failure.needed("5", 7), failure.needed("5", 2)) == (1, 3, 2)


def test_what_fits_a_network_passes():
    Failure(each={"2": "skip", "0->2": "fallback", "+": "skip"}, quorums={"2": 2}).check(NETWORK)


@pytest.mark.parametrize(
    ("failure", "error", "told"),
    [
        (Failure(each={"0->3": "skip"}), UnknownName, "unknown element '0->3'; did you mean '0->2'"),
        (Failure(quorums={"7": 1}), UnknownName, "unknown node '7'"),
        (Failure(quorums={"2": 3}), InvalidInput, "quorum of '2' must be at most its 2 in-edges; got 3"),
    ],
)
def test_what_does_not_fit_a_network_is_named(failure, error, told):
    with pytest.raises(error, match=told):
        failure.check(NETWORK)


@pytest.mark.usefixtures("past_the_types")
def test_unknown_policies_and_empty_quorums_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'skip'"):
        Failure(policy="skp")
    with pytest.raises(UnknownName, match="unknown failure policy 'never'"):
        Failure(each={"7": "never"})
    with pytest.raises(InvalidInput, match="a quorum must be at least 1; got 0"):
        Failure(quorums={"7": 0})


def test_the_error_crosses_a_process_boundary():
    error = pickle.loads(pickle.dumps(ElementFailed("3->7", "nobody there")))
    assert (error.element, error.reason) == ("3->7", "nobody there")
    assert str(error).startswith("3->7 failed: nobody there.")

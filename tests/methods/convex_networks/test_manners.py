"""What the manners add to a fit; the estimators that carry them are tested in test_estimators."""

import numpy as np
import pytest
from scipy import sparse

from consilience.methods.convex_networks import ConvexReLUClassifier, ConvexReLURegressor
from consilience.methods.convex_networks.manners import NetworkEstimator, _indicators, _sorted_csr


def test_indicators_are_signs_for_the_squared_loss_and_shares_for_cross_entropy() -> None:
    indices = np.array([0, 1, 1])
    assert _indicators(indices, 2, squared=True).ravel().tolist() == [-1.0, 1.0, 1.0]
    assert _indicators(indices, 2, squared=False).ravel().tolist() == [0.0, 1.0, 1.0]
    assert _indicators(np.array([2, 0]), 3, squared=True).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_csr_is_tidied_in_a_copy() -> None:
    given = sparse.csr_array((np.array([1.0, 2.0, 0.0]), np.array([1, 1, 0]), np.array([0, 3])), shape=(1, 2))
    tidy = _sorted_csr(given)
    assert tidy.toarray().tolist() == [[0.0, 3.0]]
    assert tidy.nnz == 1
    assert given.nnz == 3
    dense = np.eye(2)
    assert _sorted_csr(dense) is dense


def test_all_weights_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="zero"):
        ConvexReLURegressor().fit(np.eye(3), np.arange(3.0), sample_weight=np.zeros(3))


def test_what_an_estimator_has_to_say_itself_is_not_guessed() -> None:
    with pytest.raises(NotImplementedError):
        NetworkEstimator()._settings()


def test_a_refit_as_another_network_keeps_nothing_of_the_one_before() -> None:
    x = np.random.default_rng(0).standard_normal((12, 2))
    model = ConvexReLURegressor(n_gates=3, random_state=0).fit(x, x[:, 0])
    assert hasattr(model, "coef_blocks_")
    model.set_params(activation="relu").fit(x, x[:, 0])
    fresh = ConvexReLURegressor(n_gates=3, activation="relu", random_state=0).fit(x, x[:, 0])
    assert vars(model).keys() == vars(fresh).keys()


def test_several_classes_balanced_ignore_an_absent_one() -> None:
    x, y = np.random.default_rng(1).standard_normal((30, 2)), np.repeat([0, 1, 2], 10)
    weights = np.where(y == 2, 0.0, 1.0)
    model = ConvexReLUClassifier(n_gates=5, class_weight="balanced", random_state=0).fit(x, y, sample_weight=weights)
    assert model.classes_.tolist() == [0, 1, 2]
    assert not np.any(model.predict(x) == 2)

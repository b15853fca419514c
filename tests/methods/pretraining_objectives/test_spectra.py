"""Singular values by three methods."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.pretraining_objectives.joint import Joint
from consilience.methods.pretraining_objectives.spectra import spectrum


@pytest.fixture
def joint() -> Joint:
    return Joint.of(np.random.default_rng(0).gamma(0.2, size=(40, 30)))


def test_all_singular_values_rebuild_the_matrix(joint: Joint) -> None:
    found = spectrum(joint)
    assert (found.left * found.values) @ found.right.T == pytest.approx(joint.normalised.toarray())
    assert found.total == pytest.approx((found.values**2).sum())
    assert found.residual(30) == 0
    assert found.tail(30) == pytest.approx(0, abs=1e-12)


def test_lanczos_finds_the_same_features(joint: Joint) -> None:
    exact, quick = (spectrum(joint, 6, method=method) for method in ("exact", "sparse"))
    assert quick.values == pytest.approx(exact.values)
    assert quick.rank == 7
    for rank in (1, 6):
        products = [found.features(rank) @ found.features(rank).T for found in (exact, quick)]
        assert products[0] == pytest.approx(products[1])
        assert quick.tail(rank) == pytest.approx(exact.tail(rank))
    assert quick.residual(6) == pytest.approx(exact.values[6])


def test_the_default_takes_lanczos_for_few_of_many(joint: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(np.linalg, "svd", refuse)
    assert spectrum(joint, 3).rank == 4
    with pytest.raises(AssertionError):
        spectrum(joint, 20)


def test_samples_repeat_and_their_tail_is_heavier(joint: Joint) -> None:
    drawn = [spectrum(joint, 3, method="sampled", pairs=500, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0].values.tolist() == drawn[1].values.tolist()
    assert drawn[0].values.tolist() != drawn[2].values.tolist()
    assert drawn[0].tail(3) > spectrum(joint, 3).tail(3)
    many = spectrum(joint, 3, method="sampled", pairs=10**7)
    assert many.values == pytest.approx(spectrum(joint, 3).values, abs=5e-3)


def test_contexts_that_never_occurred_have_no_features() -> None:
    found = spectrum(Joint.of([[1, 1], [0, 0], [1, 2]]), 1)
    assert found.features(1)[1].tolist() == [0]


def test_bad_requests_are_refused(joint: Joint) -> None:
    with pytest.raises(InvalidInput, match="`rank` must lie between 1 and 30"):
        spectrum(joint, 31)
    with pytest.raises(InvalidInput, match="`rank` must lie between 1 and 30"):
        spectrum(joint, 0)
    with pytest.raises(InvalidInput, match="`pairs`"):
        spectrum(joint, 3, method="sampled")
    with pytest.raises(InvalidInput, match="`pairs`"):
        spectrum(joint, 3, pairs=5)
    with pytest.raises(InvalidInput, match="use method 'exact'"):
        spectrum(joint, method="sparse")
    with pytest.raises((UnknownName, TypeCheckError), match="exactly"):
        spectrum(joint, 3, method="exactly")
    with pytest.raises(InvalidInput, match="the 4 singular values there are"):
        spectrum(joint, 3).residual(4)

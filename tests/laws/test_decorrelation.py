"""What regularisers of features are, whoever computes them: one matrix in two guises, and who minds scale and order."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from consilience.methods.decorrelated_preferences.regularisers import (  # noqa: E402
    VARIANTS,
    barlow_twins,
    code2024,
    cosine,
    paper,
    paper_of_features,
    vicreg,
)

shapes = st.tuples(st.integers(2, 9), st.integers(2, 12), st.integers(0, 2**31 - 1))


def drawn(shape: tuple[int, int, int]) -> torch.Tensor:
    rows, width, seed = shape
    made = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return made.requires_grad_()


def slope(function, Z: torch.Tensor) -> torch.Tensor:
    (found,) = torch.autograd.grad(function(Z), Z)
    return found


@given(shapes)
def test_comparing_answers_and_comparing_features_differ_by_a_constant(shape) -> None:
    Z = drawn(shape)
    difference = float((paper(Z) - paper_of_features(Z)).detach())
    assert difference == pytest.approx(shape[0] - shape[1], abs=1e-8)
    assert torch.allclose(slope(paper, Z), slope(paper_of_features, Z), rtol=1e-12, atol=1e-10)


@given(shapes)
def test_the_formula_of_the_paper_grows_with_the_fourth_power_of_size(shape) -> None:
    Z = drawn(shape).detach()
    rows = len(Z)
    squares = (Z @ Z.T).square().sum()
    expected = 16 * squares - 2 * 4 * Z.square().sum() + rows
    assert float(paper(2 * Z)) == pytest.approx(float(expected), rel=1e-12)


@given(shapes, st.sampled_from([1e-3, 0.5, 10.0, 1e4]))
def test_cosine_minds_no_scale_even_one_for_each_row(shape, factor) -> None:
    Z = drawn(shape).detach()
    factors = torch.linspace(1, factor, len(Z), dtype=Z.dtype)[:, None]
    assert float(cosine(factors * Z)) == pytest.approx(float(cosine(Z)), rel=1e-6)
    assert 0 <= float(cosine(Z)) <= 1 + 1e-12


@given(shapes)
def test_cosine_pushes_no_row_along_itself(shape) -> None:
    Z = drawn(shape)
    along = (slope(cosine, Z) * Z.detach()).sum(dim=1)
    assert float(along.abs().max()) < 1e-10


@pytest.mark.parametrize("name", VARIANTS)
@given(shapes)
def test_the_order_of_answers_does_not_matter(name, shape) -> None:
    Z = drawn(shape).detach()
    order = torch.randperm(len(Z), generator=torch.Generator().manual_seed(shape[2]))
    assert float(VARIANTS[name](Z[order])) == pytest.approx(float(VARIANTS[name](Z)), rel=1e-9, abs=1e-12)


@given(shapes)
def test_the_code_of_2024_only_ever_shrinks(shape) -> None:
    Z = drawn(shape)
    assert bool((slope(code2024, Z) * Z.detach().sign() >= 0).all())


@given(shapes)
def test_terms_of_barlow_and_vicreg_are_those_of_the_matrix_of_features(shape) -> None:
    Z = drawn(shape).detach()
    centred = Z - Z.mean(dim=0)
    covariance = centred.T @ centred / (len(Z) - 1)
    off = covariance - torch.diag(covariance.diagonal())
    hinge = torch.relu(1 - (covariance.diagonal() + 1e-8).sqrt()).mean()
    assert float(vicreg(Z)) == pytest.approx(float(25 * hinge + off.square().sum() / Z.shape[1]), rel=1e-9, abs=1e-9)
    if len(Z) > 2:
        correlation = torch.corrcoef(Z.T)
        others = correlation - torch.diag(correlation.diagonal())
        width = Z.shape[1]
        assert float(barlow_twins(Z)) == pytest.approx(float(others.square().sum() / (width * (width - 1))), rel=1e-4)


@given(shapes)
def test_orthogonal_rows_of_length_one_cost_nothing(shape) -> None:
    rows, width, seed = shape
    basis, _ = torch.linalg.qr(drawn((max(rows, width), max(rows, width), seed)).detach())
    Z = basis[: min(rows, width)]
    assert float(paper(Z)) == pytest.approx(0, abs=1e-14)
    assert float(cosine(Z)) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("remembered", [False, True])
def test_gradients_are_those_of_small_differences(name, remembered) -> None:
    others = drawn((4, 6, 1)).detach() if remembered else None
    # Far from 0, so that absolute values have no kink nearby.
    Z = drawn((5, 6, 0)).detach()
    Z = (Z + 0.1 * Z.sign()).requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: VARIANTS[name](rows, others), Z, atol=1e-6, rtol=1e-5)

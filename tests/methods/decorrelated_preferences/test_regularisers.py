"""Regularisers: the old formula to the bit, what is remembered, and one answer alone."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.regularisers import (  # noqa: E402
    VARIANTS,
    VICReg,
    code2024,
    cosine,
    paper,
    regulariser,
    squared_norm,
    vicreg,
)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_code_of_2024_is_reproduced() -> None:
    Z = draw(6, 5)
    total = 0.0
    for one in range(6):
        for other in range(6):
            total += float(Z[one].abs() @ Z[other].abs()) - (one == other)
    assert float(code2024(Z)) == pytest.approx(total / 36, rel=1e-6)


def test_cosine_is_the_mean_over_ordered_pairs() -> None:
    Z = draw(4, 3)
    pairs = [
        float(torch.nn.functional.cosine_similarity(Z[i], Z[j], dim=0)) ** 2
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    assert float(cosine(Z)) == pytest.approx(sum(pairs) / 12, rel=1e-5)


def test_cosine_compares_with_remembered_rows_and_not_those_with_one_another() -> None:
    Z, remembered = draw(2, 3), draw(3, 3, seed=1)
    alike = torch.nn.functional.cosine_similarity
    expected = 2 * float(alike(Z[0], Z[1], dim=0)) ** 2
    expected += sum(float(alike(row, other, dim=0)) ** 2 for row in Z for other in remembered)
    assert float(cosine(Z, remembered)) == pytest.approx(expected / (2 * 4), rel=1e-5)


@pytest.mark.parametrize("name", ["paper", "code2024", "barlow", "vicreg"])
def test_nothing_flows_into_what_is_remembered(name) -> None:
    Z, remembered = draw(3, 4).requires_grad_(), draw(3, 4, seed=1).requires_grad_()
    VARIANTS[name](Z, remembered).backward()
    assert remembered.grad is None
    assert float(Z.grad.abs().sum()) > 0


@pytest.mark.parametrize("name", ["cosine", "barlow", "vicreg"])
def test_one_answer_alone_is_refused(name) -> None:
    with pytest.raises(InvalidInput, match="at least two of them; got one: raise the batch size"):
        VARIANTS[name](draw(1, 4))


def test_one_answer_can_be_compared_with_a_remembered_one() -> None:
    Z = draw(1, 4)
    assert float(cosine(Z, Z)) == pytest.approx(1, rel=1e-5)


def test_a_row_of_zeros_is_no_division_by_zero() -> None:
    Z = torch.zeros(3, 4, requires_grad=True)
    cosine(Z).backward()
    assert torch.isfinite(Z.grad).all()


def test_weights_of_vicreg_are_settings() -> None:
    Z = draw(5, 4)
    assert float(VICReg(variance=1.0, covariance=0.0)(Z)) == float(vicreg(Z, variance=1.0, covariance=0.0))


def test_one_row_under_the_formula_of_the_paper_is_a_penalty_on_its_length() -> None:
    Z = draw(1, 4)
    assert float(paper(Z)) == pytest.approx((float(squared_norm(Z)) - 1) ** 2, rel=1e-5)


def test_an_unknown_name_leads_to_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'cosine'"):
        regulariser("cosin")

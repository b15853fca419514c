"""The program: what is read off it, and solutions over some of its gates."""

import numpy as np
import pytest

from consilience.methods.convex_networks.certificate import Certificate
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Columns, Frobenius
from consilience.methods.convex_networks.program import BlockSolution, Program


def random_program(loss: Loss | None = None) -> Program:
    generator = np.random.default_rng(0)
    patterns = generator.random((10, 4)) < 0.6
    target = np.eye(3)[generator.integers(3, size=10)]
    return Program(
        operator=GatedOperator(DenseFeatures(generator.standard_normal((10, 3))), patterns),
        target=target[:, :1] if isinstance(loss, Logistic) else target,
        weights=generator.uniform(0.5, 2.0, 10),
        loss=loss or Squared(),
        penalty=Frobenius(),
    )


@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax()], ids=["squared", "logistic", "softmax"])
def test_the_best_constant_predicts_the_weighted_mean(loss: Loss) -> None:
    program = random_program(loss)
    mean = program.weights @ program.target / program.total
    score = program.constant()[None]
    predicted = score if isinstance(loss, Squared) else loss.gradient(score, np.zeros_like(score))
    np.testing.assert_allclose(predicted[0], mean, atol=1e-12)


@pytest.mark.parametrize("loss", [Squared(), Logistic(), Softmax()], ids=["squared", "logistic", "softmax"])
def test_correlation_is_the_gradient(loss: Loss) -> None:
    """Finite differences of the mean loss in every coefficient."""
    program = random_program(loss)
    blocks = np.random.default_rng(1).standard_normal(program.shape)
    gradient = program.correlation(program.operator.forward(blocks))
    numerical = np.empty_like(gradient)
    for index in np.ndindex(blocks.shape):
        step = np.zeros_like(blocks)
        step[index] = 1e-6
        ahead, behind = (program.mean_loss(program.operator.forward(blocks + s * step)) for s in (1, -1))
        numerical[index] = (ahead - behind) / 2e-6
    np.testing.assert_allclose(gradient, numerical, atol=1e-8)


def test_sizes() -> None:
    program = random_program()
    assert program.shape == (4, 3, 3)
    assert program.zeros().shape == program.shape
    assert program.take_gates(np.array([2, 0])).shape == (2, 3, 3)
    assert program.penalty_value(program.zeros()) == 0.0
    assert program.take_gates(np.array([], dtype=int)).penalty_value(np.zeros((0, 3, 3))) == 0.0
    assert program.take_gates(np.array([], dtype=int)).alpha_max() == 0.0


def test_alpha_max_is_the_largest_polar_norm_at_the_constant() -> None:
    program = random_program()
    residual = (program.weights / program.total)[:, None] * (program.constant() - program.target)
    largest = max(
        np.linalg.norm(program.operator.features.array[on].T @ residual[on]) for on in program.operator.patterns.T
    )
    assert program.alpha_max() == pytest.approx(largest)


def test_certify_scales_the_residual_into_the_polar_ball() -> None:
    program = random_program()
    alpha = 0.3 * program.alpha_max()
    prediction = np.zeros_like(program.target) + program.constant()
    certificate, correlation, scale = program.certify(program.zeros(), prediction, alpha)
    assert program.polar(scale * correlation).max() <= alpha * (1 + 1e-12)
    assert certificate.dual_bound < certificate.objective


def solution_of(blocks: np.ndarray) -> BlockSolution:
    certificate = Certificate(objective=2.0, dual_bound=1.0, scope="sampled program")
    return BlockSolution(
        blocks=blocks, intercept=np.zeros(2), certificate=certificate, iterations=1, correlation=2 * blocks
    )


def test_gates_out_and_in_again() -> None:
    blocks = np.random.default_rng(0).standard_normal((5, 3, 2))
    blocks[[0, 3]] = 0.0
    solution = solution_of(blocks)
    assert solution.active.tolist() == [1, 2, 4]
    part = solution.take_gates(solution.active)
    np.testing.assert_array_equal(part.correlation, 2 * blocks[[1, 2, 4]])
    np.testing.assert_array_equal(part.put_gates(solution.active, 5).blocks, blocks)
    assert part.put_gates(solution.active, 5).correlation is None


def test_a_bound_never_exceeds_the_objective() -> None:
    solution = solution_of(np.zeros((1, 1, 2)))
    assert solution.with_bound(1.5).certificate.gap == 0.5
    assert solution.with_bound(2.5).certificate.gap == 0.0


def test_torch_says_the_same() -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    program = random_program(Softmax())
    tensors = Program(
        operator=GatedOperator(
            DenseFeatures(torch.tensor(program.operator.features.array)), torch.tensor(program.operator.patterns)
        ),
        target=torch.tensor(program.target),
        weights=torch.tensor(program.weights),
        loss=Softmax(),
        penalty=Columns(),
    )
    columns = Program(
        operator=program.operator,
        target=program.target,
        weights=program.weights,
        loss=Softmax(),
        penalty=Columns(),
    )
    assert tensors.alpha_max() == pytest.approx(columns.alpha_max())
    assert tensors.total == pytest.approx(columns.total)
    np.testing.assert_allclose(tensors.constant(), columns.constant(), atol=1e-12)

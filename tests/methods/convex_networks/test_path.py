"""Paths: every point certified over all gates, whatever the working set; bad input."""

from dataclasses import replace

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import path
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.path import convex_path, solve
from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty, Nuclear
from consilience.methods.convex_networks.program import Program

LOSSES = [Squared(), Logistic(), Softmax()]


def random_program(loss: Loss, *, n: int = 60, gates: int = 25, penalty: NormPenalty | None = None) -> Program:
    generator = np.random.default_rng(0)
    features = generator.standard_normal((n, 4))
    patterns = features @ generator.standard_normal((4, gates)) >= 0
    patterns[:, 0] = True
    labels = np.eye(3)[(features[:, 0] * features[:, 1] > 0).astype(int) + (features[:, 2] > 1)]
    return Program(
        operator=GatedOperator(DenseFeatures(features), patterns),
        target=labels[:, :1] if isinstance(loss, Logistic) else labels,
        weights=generator.uniform(0.3, 3.0, n),
        loss=loss,
        penalty=penalty or Frobenius(),
    )


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_every_point_is_what_one_solve_finds(loss: Loss) -> None:
    squared = isinstance(loss, Squared)
    program = random_program(loss) if squared else random_program(loss, n=40, gates=12)
    alphas = program.alpha_max() * np.geomspace(0.8, 0.05, 6)
    for alpha, point in zip(alphas, convex_path(program, alphas.tolist(), tolerance=1e-4), strict=True):
        assert point.certificate.relative_gap <= 1e-4
        assert point.blocks.shape == program.shape
        certificate, _, _ = program.certify(
            point.blocks, program.operator.forward(point.blocks) + point.intercept, alpha
        )
        assert certificate.objective == pytest.approx(point.certificate.objective, rel=1e-9)
        alone = solve(program, alpha, tolerance=1e-4)
        assert point.certificate.objective == pytest.approx(alone.certificate.objective, rel=2e-4)
        assert point.certificate.dual_bound <= alone.certificate.objective * (1 + 1e-9)


@pytest.mark.parametrize("loss", [Logistic(), Softmax()], ids=["logistic", "softmax"])
@pytest.mark.parametrize("limit", [40, 39], ids=["kernel affordable", "too many samples"])
def test_a_kernel_that_is_not_affordable_changes_the_solver_and_not_the_path(
    loss: Loss, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path, "ADMM_SAMPLES", limit)
    kernels = []
    whole = GatedOperator.kernel
    monkeypatch.setattr(GatedOperator, "kernel", lambda *given: kernels.append(given) or whole(*given))
    program = random_program(loss, n=40, gates=12)
    alphas = program.alpha_max() * np.geomspace(0.8, 0.1, 4)
    points = convex_path(program, alphas.tolist(), tolerance=1e-4)
    assert len(kernels) == (limit == 40)
    for alpha, point in zip(alphas, points, strict=True):
        reference = solve_fista(program, alpha, tolerance=1e-5, max_iterations=5000)
        assert point.certificate.relative_gap <= 1e-4
        assert reference.certificate.relative_gap <= 1e-5
        assert point.certificate.objective == pytest.approx(reference.certificate.objective, rel=1e-4)


@pytest.mark.parametrize("loss", [Squared(), Softmax()], ids=["squared", "softmax"])
@pytest.mark.parametrize("penalty", [Columns(), Nuclear()], ids=["columns", "nuclear"])
def test_other_norms(loss: Loss, penalty: NormPenalty) -> None:
    program = random_program(loss, penalty=penalty)
    alphas = program.alpha_max() * np.geomspace(0.8, 0.05, 5)
    points = convex_path(program, alphas.tolist(), tolerance=1e-4)
    assert max(point.certificate.relative_gap for point in points) <= 1e-4


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_above_alpha_max_is_the_constant(loss: Loss) -> None:
    program = random_program(loss)
    first, second = convex_path(program, [2.0 * program.alpha_max(), 0.9 * program.alpha_max()])
    assert not first.blocks.any()
    np.testing.assert_allclose(first.intercept, program.constant(), atol=1e-9)
    assert second.blocks.any()


@pytest.mark.parametrize("shape", [(6, 25), (60, 2)])
def test_more_coefficients_than_samples_and_fewer_gates_than_a_working_set(shape: tuple[int, int]) -> None:
    program = random_program(Squared(), n=shape[0], gates=shape[1])
    alphas = program.alpha_max() * np.geomspace(0.9, 0.01, 8)
    points = convex_path(program, alphas.tolist(), tolerance=1e-5)
    assert max(point.certificate.relative_gap for point in points) <= 1e-5


def test_a_constant_target() -> None:
    program = replace(random_program(Squared()), target=np.ones((60, 3)))
    for point in convex_path(program, [1.0, 0.1]):
        assert not point.blocks.any()
        assert point.certificate.gap <= 1e-12


def test_torch_says_the_same() -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    program = random_program(Squared())
    tensors = replace(
        program,
        operator=GatedOperator(
            DenseFeatures(torch.tensor(program.operator.features.array)), torch.tensor(program.operator.patterns)
        ),
        target=torch.tensor(program.target),
        weights=torch.tensor(program.weights),
    )
    alphas = (program.alpha_max() * np.geomspace(0.8, 0.05, 4)).tolist()
    mine, theirs = (convex_path(each, alphas, tolerance=1e-5) for each in (program, tensors))
    for left, right in zip(mine, theirs, strict=True):
        assert right.certificate.objective == pytest.approx(left.certificate.objective, rel=2e-5)


@pytest.mark.parametrize("alphas", [[0.1, 0.1], [0.1, 0.2]])
def test_penalties_decrease(alphas: list[float]) -> None:
    with pytest.raises(InvalidInput, match="alphas must decrease; got"):
        convex_path(random_program(Squared()), alphas)


def test_penalties_are_positive() -> None:
    with pytest.raises(InvalidInput, match="alpha must be positive"):
        convex_path(random_program(Squared()), [0.1, 0.0])


def test_no_penalties_are_no_points() -> None:
    assert convex_path(random_program(Squared()), []) == []

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.loss_splitting import LossSplitting, solve_loss_splitting
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty
from consilience.methods.convex_networks.program import Program


def _program(loss: Loss, penalty: NormPenalty, outputs: int, seed: int) -> Program:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 4))
    labels = rng.integers(max(outputs, 2), size=40)
    target = np.eye(outputs)[labels] if outputs > 1 else labels.astype(float)[:, None]
    patterns = np.concatenate([np.ones((40, 1), dtype=bool), x @ rng.standard_normal((4, 6)) >= 0], axis=1)
    return Program(
        operator=GatedOperator(DenseFeatures(x), patterns),
        target=target,
        weights=rng.uniform(0.5, 2.0, 40),
        loss=loss,
        penalty=penalty,
    )


@pytest.mark.parametrize(
    ("loss", "outputs"), [(Squared(), 2), (Logistic(), 1), (Softmax(), 3)], ids=["squared", "logistic", "softmax"]
)
@pytest.mark.parametrize("penalty", [Frobenius(), Columns()], ids=["group", "columns"])
def test_it_agrees_with_an_independent_solver_and_its_bounds_hold(
    loss: Loss, outputs: int, penalty: NormPenalty
) -> None:
    program = _program(loss, penalty, outputs, seed=3)
    alpha = 0.1 * program.alpha_max()
    split = solve_loss_splitting(program, alpha, tolerance=1e-7, max_iterations=4000)
    reference = solve_fista(program, alpha, tolerance=1e-7, max_iterations=4000)
    assert split.certificate.relative_gap <= 1e-7
    assert split.certificate.objective == pytest.approx(reference.certificate.objective, rel=2e-7)
    assert split.certificate.dual_bound <= reference.certificate.objective * (1 + 1e-12)


def test_a_warm_start_at_the_solution_is_done_at_once() -> None:
    program = _program(Logistic(), Frobenius(), 1, seed=4)
    alpha = 0.2 * program.alpha_max()
    cold = solve_loss_splitting(program, alpha, tolerance=1e-6)
    warm = solve_loss_splitting(program, alpha, tolerance=1e-6, start=cold)
    assert cold.iterations > 0
    assert warm.iterations == 0


def test_a_solver_kept_for_many_penalties_says_what_a_fresh_one_says() -> None:
    program = _program(Softmax(), Frobenius(), 3, seed=8)
    solver = LossSplitting(program)
    for share in (0.5, 0.05, 0.3):
        alpha = share * program.alpha_max()
        kept = solver.solve(alpha, tolerance=1e-5)
        assert kept.certificate == solve_loss_splitting(program, alpha, tolerance=1e-5).certificate


def test_above_alpha_max_only_the_intercept_is_left() -> None:
    program = _program(Softmax(), Frobenius(), 3, seed=5)
    solution = solve_loss_splitting(program, 1.01 * program.alpha_max(), tolerance=1e-8)
    assert len(solution.active) == 0


def test_when_steps_run_out_the_gap_says_so() -> None:
    program = _program(Softmax(), Frobenius(), 3, seed=6)
    solution = solve_loss_splitting(program, 0.01 * program.alpha_max(), tolerance=1e-12, max_iterations=8)
    assert solution.iterations == 8
    assert solution.certificate.relative_gap > 1e-12


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_a_penalty_without_certificate_is_refused(alpha: float) -> None:
    with pytest.raises(InvalidInput, match="alpha"):
        solve_loss_splitting(_program(Squared(), Frobenius(), 2, seed=7), alpha)

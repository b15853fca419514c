"""FISTA: tight gaps, screening that loses nothing, starts, limits, bad input, torch, single precision."""

from dataclasses import replace

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import fista
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Columns, Frobenius
from consilience.methods.convex_networks.program import Program

LOSSES = [Squared(), Logistic(), Softmax()]


def random_program(loss: Loss, dtype: type = np.float64) -> Program:
    generator = np.random.default_rng(0)
    patterns = generator.random((18, 8)) < 0.5
    patterns[:, 0] = True
    labels = np.eye(3)[generator.integers(3, size=18)].astype(dtype)
    return Program(
        operator=GatedOperator(DenseFeatures(generator.standard_normal((18, 4)).astype(dtype)), patterns),
        target=labels[:, :1] if isinstance(loss, Logistic) else labels,
        weights=generator.uniform(0.3, 3.0, 18).astype(dtype),
        loss=loss,
        penalty=Frobenius(),
    )


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_gaps_far_below_the_rounding_of_losses(loss: Loss) -> None:
    """A gap is of first order in the residual, so that 1e-9 asks for objectives beyond the precision of a double."""
    program = random_program(loss)
    alpha = 0.2 * program.alpha_max()
    solution = solve_fista(program, alpha, tolerance=1e-9, max_iterations=3000)
    assert solution.certificate.relative_gap <= 1e-9
    correlation = program.correlation(program.operator.forward(solution.blocks) + solution.intercept)
    np.testing.assert_allclose(program.polar(correlation)[solution.active], alpha, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
@pytest.mark.parametrize("share", [0.7, 0.4])
def test_screening_loses_nothing(loss: Loss, share: float) -> None:
    program = random_program(loss)
    alpha = share * program.alpha_max()
    screened, plain = (
        solve_fista(program, alpha, tolerance=1e-6, max_iterations=1000, screen=flag) for flag in (True, False)
    )
    assert screened.blocks.shape == plain.blocks.shape == program.shape
    assert screened.certificate.objective == pytest.approx(plain.certificate.objective, rel=1e-6)
    # The certificate of a screened solution holds over all gates.
    certificate, _, _ = program.certify(
        screened.blocks, program.operator.forward(screened.blocks) + screened.intercept, alpha
    )
    assert certificate.relative_gap <= 2e-6


def test_a_bound_does_not_round_against_the_mean_of_the_targets() -> None:
    program = random_program(Squared())
    far = replace(program, target=program.target + 1e7)
    alpha = 0.2 * program.alpha_max()
    best = solve_fista(program, alpha, tolerance=1e-9, max_iterations=3000).certificate.objective
    for steps in (0, 5, 20, 200):
        certificate = solve_fista(far, alpha, tolerance=1e-9, max_iterations=steps).certificate
        assert certificate.dual_bound <= best * (1 + 1e-6)


def test_screening_drops_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(Squared())
    taken = []
    whole = Program.take_gates
    monkeypatch.setattr(Program, "take_gates", lambda self, gates: taken.append(len(gates)) or whole(self, gates))
    solution = solve_fista(program, 0.7 * program.alpha_max(), tolerance=1e-9, max_iterations=3000)
    assert len(solution.active) <= min(taken) < 8


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_a_start_at_the_solution_is_the_end(loss: Loss) -> None:
    program = random_program(loss)
    alpha = 0.2 * program.alpha_max()
    solution = solve_fista(program, alpha, tolerance=1e-6)
    assert solve_fista(program, alpha, tolerance=2e-6, start=solution).iterations == 0


def test_steps_run_out_and_the_gap_says_so() -> None:
    program = random_program(Softmax())
    short = solve_fista(program, 0.1 * program.alpha_max(), tolerance=1e-9, max_iterations=7)
    assert short.iterations == 7
    assert short.certificate.relative_gap > 1e-9


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
@pytest.mark.parametrize("screen", [True, False])
def test_more_steps_never_give_a_worse_point_or_a_worse_bound(
    loss: Loss, screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accelerated steps go up now and then: runs that stop one step later each end at the best point on the way."""
    monkeypatch.setattr(fista, "CHECK_EVERY", 1)
    program = random_program(loss)
    alpha = 0.2 * program.alpha_max()
    runs = [solve_fista(program, alpha, tolerance=0.0, max_iterations=steps, screen=screen) for steps in range(40)]
    assert [run.iterations for run in runs] == list(range(40))
    objectives = np.array([run.certificate.objective for run in runs])
    bounds = np.array([run.certificate.dual_bound for run in runs])
    assert (np.diff(objectives) <= 0.0).all()
    assert (np.diff(bounds) >= 0.0).all()
    for run in runs[::13]:
        prediction = program.operator.forward(run.blocks) + run.intercept
        certificate, _, _ = program.certify(run.blocks, prediction, alpha)
        assert certificate.objective == pytest.approx(run.certificate.objective, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_single_precision(loss: Loss) -> None:
    single, double = random_program(loss, np.float32), random_program(loss)
    alpha = 0.2 * double.alpha_max()
    rough = solve_fista(single, alpha, tolerance=1e-3, max_iterations=200)
    exact = solve_fista(double, alpha, tolerance=1e-5, max_iterations=3000)
    assert rough.blocks.dtype == np.float32
    assert rough.certificate.relative_gap <= 1e-3
    assert rough.certificate.objective == pytest.approx(exact.certificate.objective, rel=2e-3)


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_torch_says_the_same(loss: Loss) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    program = replace(random_program(loss), penalty=Columns())
    tensors = replace(
        program,
        operator=GatedOperator(
            DenseFeatures(torch.tensor(program.operator.features.array)), torch.tensor(program.operator.patterns)
        ),
        target=torch.tensor(program.target),
        weights=torch.tensor(program.weights),
    )
    alpha = 0.2 * program.alpha_max()
    mine, theirs = (solve_fista(each, alpha, tolerance=1e-5, max_iterations=300) for each in (program, tensors))
    assert isinstance(theirs.blocks, torch.Tensor)
    assert theirs.certificate.objective == pytest.approx(mine.certificate.objective, rel=1e-6)
    np.testing.assert_allclose(theirs.blocks, mine.blocks, atol=2e-3)


def test_bad_input() -> None:
    with pytest.raises(InvalidInput, match="alpha must be positive"):
        solve_fista(random_program(Squared()), -1.0)

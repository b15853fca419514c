"""ADMM: both spaces, one factorisation for many penalties, starts, limits, bad input, torch, single precision."""

from dataclasses import replace

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import AdmmSolver, rebalance, solve_admm
from consilience.methods.convex_networks.losses import Logistic, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator
from consilience.methods.convex_networks.penalties import Columns, Frobenius, Nuclear
from consilience.methods.convex_networks.program import Program

FEW, MANY = 3, 12
"""Gates with fewer coefficients than samples, solved for in the coefficients; and with more, by the kernel."""


def random_program(gates: int = MANY, dtype: type = np.float64) -> Program:
    generator = np.random.default_rng(gates)
    patterns = generator.random((24, gates)) < 0.5
    patterns[:, 0] = True
    return Program(
        operator=GatedOperator(DenseFeatures(generator.standard_normal((24, 4)).astype(dtype)), patterns),
        target=generator.standard_normal((24, 2)).astype(dtype),
        weights=generator.uniform(0.3, 3.0, 24).astype(dtype),
        loss=Squared(),
        penalty=Frobenius(),
    )


@pytest.mark.parametrize("gates", [FEW, MANY])
@pytest.mark.parametrize("penalty", [Frobenius(), Columns(), Nuclear()])
def test_optimality_conditions(gates: int, penalty: Frobenius | Columns | Nuclear) -> None:
    """Correlations lie in the polar ball, and on its boundary, aligned, where a block is not zero."""
    program = replace(random_program(gates), penalty=penalty)
    alpha = 0.3 * program.alpha_max()
    solution = solve_admm(program, alpha, tolerance=1e-10)
    assert solution.certificate.relative_gap <= 1e-10
    correlation = program.correlation(program.operator.forward(solution.blocks) + solution.intercept)
    polar = program.polar(correlation)
    assert (polar <= alpha * (1 + 1e-4)).all()
    np.testing.assert_allclose(polar[solution.active], alpha, rtol=1e-4)
    aligned = -(correlation * solution.blocks).sum(axis=(1, 2))
    np.testing.assert_allclose(aligned, alpha * penalty.value(solution.blocks), atol=1e-5 * alpha)
    assert len(solution.active) > 0


@pytest.mark.parametrize("gates", [FEW, MANY])
def test_one_solver_takes_many_penalties(gates: int) -> None:
    program = random_program(gates)
    solver = AdmmSolver(program)
    start = None
    for share in (0.9, 0.2, 0.5):
        alpha = share * program.alpha_max()
        kept = start = solver.solve(alpha, tolerance=1e-9, start=start)
        alone = solve_admm(program, alpha, tolerance=1e-9)
        assert kept.certificate.objective == pytest.approx(alone.certificate.objective, rel=1e-8)
        assert kept.certificate.relative_gap <= 1e-9


@pytest.mark.parametrize("gates", [FEW, MANY])
def test_a_start_near_the_solution_saves_steps(gates: int) -> None:
    program = random_program(gates)
    alpha = 0.2 * program.alpha_max()
    cold = solve_admm(program, alpha, tolerance=1e-8)
    near = solve_admm(program, 1.02 * alpha, tolerance=1e-8)
    assert solve_admm(program, alpha, tolerance=1e-8, start=near).iterations < cold.iterations


def test_steps_run_out_and_the_gap_says_so() -> None:
    program = random_program()
    short = solve_admm(program, 0.1 * program.alpha_max(), tolerance=1e-9, max_iterations=3)
    assert short.iterations == 3
    assert short.certificate.relative_gap > 1e-9


def test_no_steps_are_the_constant() -> None:
    program = random_program()
    solution = solve_admm(program, 0.1 * program.alpha_max(), max_iterations=0)
    assert not solution.blocks.any()
    np.testing.assert_allclose(solution.intercept, program.constant())


@pytest.mark.parametrize("gates", [FEW, MANY])
def test_a_constant_target_needs_no_network(gates: int) -> None:
    program = replace(random_program(gates), target=np.full((24, 2), 3.0))
    solution = solve_admm(program, 0.1)
    assert not solution.blocks.any()
    np.testing.assert_allclose(solution.intercept, 3.0)
    assert solution.certificate.relative_gap == solution.iterations == 0


@pytest.mark.parametrize("gates", [FEW, MANY])
def test_single_precision(gates: int) -> None:
    single, double = random_program(gates, np.float32), random_program(gates)
    alpha = 0.2 * double.alpha_max()
    rough, exact = solve_admm(single, alpha, tolerance=1e-4), solve_admm(double, alpha, tolerance=1e-9)
    assert rough.blocks.dtype == np.float32
    assert rough.certificate.objective == pytest.approx(exact.certificate.objective, rel=1e-3)


@pytest.mark.parametrize("gates", [FEW, MANY])
def test_torch_says_the_same(gates: int) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    program = random_program(gates)
    tensors = replace(
        program,
        operator=GatedOperator(
            DenseFeatures(torch.tensor(program.operator.features.array)), torch.tensor(program.operator.patterns)
        ),
        target=torch.tensor(program.target),
        weights=torch.tensor(program.weights),
    )
    alpha = 0.2 * program.alpha_max()
    mine, theirs = (solve_admm(each, alpha, tolerance=1e-8) for each in (program, tensors))
    assert isinstance(theirs.blocks, torch.Tensor)
    assert mine.iterations == theirs.iterations
    np.testing.assert_allclose(theirs.blocks, mine.blocks, atol=1e-8)


def test_bad_input() -> None:
    program = random_program()
    with pytest.raises(InvalidInput, match="ADMM takes the squared loss; got Logistic"):
        AdmmSolver(replace(program, loss=Logistic()))
    with pytest.raises(InvalidInput, match="alpha must be positive"):
        solve_admm(program, 0.0)


def test_rebalancing_leaves_well_alone() -> None:
    assert rebalance(1.0, 1.0, 1.0, 1.0) == 1.0
    assert rebalance(0.0, 1.0, 1.0, 1.0) == 1.0
    assert rebalance(9.0, 1.0, 1.0, 1.0) == 3.0
    assert rebalance(1e9, 1.0, 1.0, 1.0) == 10.0

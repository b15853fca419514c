from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import solve_admm
from consilience.methods.convex_networks.kernel_weights import HALTS, STEPS, KernelWeights
from consilience.methods.convex_networks.losses import Logistic, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator, SparseFeatures
from consilience.methods.convex_networks.penalties import Columns, Frobenius
from consilience.methods.convex_networks.program import Program


def _program(seed: int = 0, **changes: object) -> Program:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 5))
    parts: dict[str, object] = {
        "operator": GatedOperator(DenseFeatures(x), x @ rng.standard_normal((5, 8)) >= 0),
        "target": np.stack([np.abs(x[:, 0]), x[:, 1]], axis=1),
        "weights": rng.uniform(0.5, 2.0, 60),
        "loss": Squared(),
        "penalty": Frobenius(),
    }
    return Program(**{**parts, **changes})


def test_along_a_path_it_finds_the_optima_that_admm_finds_and_proves_them() -> None:
    program = _program()
    newton = KernelWeights(program)
    for depth in (0.5, 0.4, 0.3, 0.2, 0.15, 0.1):
        alpha = depth * program.alpha_max()
        solution = newton.solve(alpha, tolerance=1e-5)
        reference = solve_admm(program, alpha, tolerance=1e-8, max_iterations=5000)
        assert solution.certificate.relative_gap <= 1e-5
        assert solution.certificate.objective == pytest.approx(reference.certificate.objective, rel=1e-5)
        assert solution.certificate.dual_bound <= reference.certificate.objective * (1 + 1e-12)


def test_where_a_leap_is_too_long_its_gap_says_so() -> None:
    program = _program()
    alpha = 0.02 * program.alpha_max()
    leap = KernelWeights(program).solve(alpha, tolerance=1e-5)
    reference = solve_admm(program, alpha, tolerance=1e-8, max_iterations=5000)
    excess = leap.certificate.objective - reference.certificate.objective
    assert excess <= leap.certificate.gap * (1 + 1e-9)


def test_its_certificate_is_that_of_the_program() -> None:
    program = _program(seed=1)
    alpha = 0.1 * program.alpha_max()
    solution = KernelWeights(program).solve(alpha, tolerance=1e-4)
    fitted = program.operator.forward(solution.blocks) + solution.intercept
    objective = program.mean_loss(fitted) + alpha * program.penalty_value(solution.blocks)
    assert solution.certificate.objective == pytest.approx(objective, rel=1e-9)


def test_it_says_which_programs_it_takes() -> None:
    program = _program()
    assert KernelWeights.takes(program)
    assert not KernelWeights.takes(_program(penalty=Columns()))
    assert not KernelWeights.takes(_program(loss=Logistic(), target=np.ones((60, 1))))


@pytest.mark.parametrize("seed", range(4))
def test_one_leap_to_a_fifth_of_the_largest_penalty_is_walked(seed: int) -> None:
    program = _program(seed)
    alpha = 0.2 * program.alpha_max()
    assert KernelWeights(program).solve(alpha, tolerance=1e-4).certificate.relative_gap <= 1e-4


def test_a_start_gives_the_weights_of_its_blocks() -> None:
    program = _program(3)
    alpha = 0.2 * program.alpha_max()
    start = solve_admm(program, alpha, tolerance=1e-8)
    found = KernelWeights(program).solve(alpha, tolerance=1e-3, start=start)
    assert found.iterations == 0
    assert found.certificate.objective == pytest.approx(start.certificate.objective, rel=1e-3)


def test_single_precision_does_not_round_against_the_mean_of_the_targets() -> None:
    program = _program(2)
    far = replace(program, target=program.target + 1e5)
    near_newton, far_newton = KernelWeights(program), KernelWeights(far)
    for depth in (0.5, 0.3, 0.2):
        alpha = depth * program.alpha_max()
        near, moved = (newton.solve(alpha, tolerance=1e-6) for newton in (near_newton, far_newton))
        assert moved.certificate.relative_gap <= 1e-6
        assert moved.iterations <= near.iterations + 1
        assert moved.certificate.objective == pytest.approx(near.certificate.objective, rel=2e-6)


def test_above_alpha_max_nothing_has_weight() -> None:
    program = _program(1)
    found = KernelWeights(program).solve(1.1 * program.alpha_max(), tolerance=1e-6)
    assert not found.blocks.any()
    assert found.certificate.gap == pytest.approx(0.0, abs=1e-12)
    assert np.allclose(found.intercept, np.average(program.target, axis=0, weights=program.weights))


def test_sparse_features_find_the_same_optimum() -> None:
    program = _program(5)
    assert isinstance(program.operator.features, DenseFeatures)
    columns = np.column_stack([program.operator.features.array, np.ones(60)])
    dense = replace(program, operator=GatedOperator(DenseFeatures(columns), program.operator.patterns))
    features = SparseFeatures(sparse.csr_array(columns[:, :-1]), np.zeros(5), 1.0, 1.0)
    csr = replace(program, operator=GatedOperator(features, program.operator.patterns))
    alpha = 0.3 * dense.alpha_max()
    objectives = [KernelWeights(each).solve(alpha, tolerance=1e-5).certificate.objective for each in (dense, csr)]
    assert objectives[1] == pytest.approx(objectives[0], rel=1e-5)


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_constant_target_needs_no_weight(constant: float) -> None:
    found = KernelWeights(_program(6, target=np.full((60, 2), constant))).solve(0.1, tolerance=1e-6)
    assert not found.blocks.any()
    assert (found.iterations, found.certificate.gap) == (0, 0.0)


def test_where_no_gate_is_wanted_nothing_is_solved_however_small_the_tolerance() -> None:
    program = _program(1)
    found = KernelWeights(program).solve(1.1 * program.alpha_max(), tolerance=-1.0)
    assert (found.iterations, len(found.active)) == (0, 0)


def test_steps_are_counted_whichever_way_they_end() -> None:
    program = _program(7)
    alpha = 0.3 * program.alpha_max()
    start = solve_admm(program, alpha, tolerance=1e-8)
    # No gap is negative, so that steps end at the limit of single precision or at that of their number.
    short = KernelWeights(program).solve(alpha, tolerance=-1.0, start=start)
    assert HALTS < short.iterations <= STEPS
    assert short.certificate.relative_gap <= 1e-6


def test_bad_input() -> None:
    with pytest.raises(InvalidInput, match="squared loss with one Euclidean norm a gate; got Squared and Columns"):
        KernelWeights(_program(penalty=Columns()))
    with pytest.raises(InvalidInput, match="alpha must be positive"):
        KernelWeights(_program()).solve(0.0, tolerance=1e-3)

"""Equations of convex training that hold whatever the code looks like: adjoints, conjugates, duality, optimality."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize
from sklearn.datasets import make_spd_matrix

from consilience.methods.convex_networks.admm import solve_admm
from consilience.methods.convex_networks.fista import solve_fista
from consilience.methods.convex_networks.gates import PointCloud, draw_gates
from consilience.methods.convex_networks.loss_splitting import solve_loss_splitting
from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator, SparseFeatures
from consilience.methods.convex_networks.path import convex_path
from consilience.methods.convex_networks.penalties import Columns, Frobenius, NormPenalty, Nuclear, Penalty, Ridge
from consilience.methods.convex_networks.program import Program
from consilience.methods.convex_networks.ridge import (
    RidgePath,
    nystrom_preconditioner,
    solve_ridge,
    solve_ridge_iteratively,
)

LOSSES: list[Loss] = [Squared(), Logistic(), Softmax()]
NORMS: list[NormPenalty] = [Frobenius(), Columns(), Nuclear()]
seeds = st.integers(0, 2**32 - 1)


def named(thing: object) -> str:
    return type(thing).__name__


def random_operator(generator: np.random.Generator, n: int, p: int, g: int, *, csr: bool) -> GatedOperator:
    patterns = generator.random((n, g)) < 0.5
    patterns[:, 0] = True
    scales = generator.choice([0.5, 1.0, 2.0], g)
    if not csr:
        return GatedOperator(DenseFeatures(generator.standard_normal((n, p))), patterns, scales)
    matrix = sparse.random_array((n, p - 1), density=0.4, rng=generator, format="csr")
    return GatedOperator(SparseFeatures(matrix, generator.standard_normal(p - 1), 1.7, 0.3), patterns, scales)


def as_matrix(operator: GatedOperator) -> np.ndarray:
    """Write the operator out from its definition: gate after gate, feature after feature."""
    features = operator.features.rows(slice(0, operator.samples))
    parts = [s * d[:, None] * features for s, d in zip(operator.scales, operator.patterns.T, strict=True)]
    return np.concatenate(parts, axis=1)


def random_target(generator: np.random.Generator, loss: Loss, n: int, c: int) -> np.ndarray:
    if isinstance(loss, Squared):
        return generator.standard_normal((n, c))
    soft = generator.dirichlet(np.ones(max(c, 2)), n)
    soft[: n // 2] = np.eye(soft.shape[1])[generator.integers(soft.shape[1], size=n // 2)]
    return soft[:, :1] if isinstance(loss, Logistic) else soft


def random_program(
    seed: int, loss: Loss, penalty: NormPenalty, *, n: int = 12, p: int = 3, g: int = 5, c: int = 2
) -> Program:
    generator = np.random.default_rng(seed)
    return Program(
        operator=random_operator(generator, n, p, g, csr=False),
        target=random_target(generator, loss, n, c),
        weights=generator.uniform(0.2, 3.0, n),
        loss=loss,
        penalty=penalty,
    )


def objective(program: Program, alpha: float, blocks: np.ndarray, intercept: np.ndarray) -> float:
    """Evaluate a program from its definition, in numpy alone."""
    prediction = as_matrix(program.operator) @ blocks.reshape(-1, blocks.shape[2]) + intercept
    y = program.target
    if isinstance(program.loss, Squared):
        losses = ((prediction - y) ** 2).sum(axis=1) / 2
    elif isinstance(program.loss, Logistic):
        losses = (np.logaddexp(0.0, prediction) - y * prediction)[:, 0]
    else:
        losses = np.logaddexp.reduce(prediction, axis=1) - (y * prediction).sum(axis=1)
    norms = {
        Frobenius: np.linalg.norm,
        Columns: lambda block: np.linalg.norm(block, axis=0).sum(),
        Nuclear: lambda block: np.linalg.norm(block, "nuc"),
    }
    penalty = sum(norms[type(program.penalty)](block) for block in blocks)
    return float(program.weights @ losses / program.weights.sum() + alpha * penalty)


class TestOperator:
    @given(seed=seeds, shape=st.tuples(*(st.integers(low, 7) for low in (1, 2, 1, 1))), csr=st.booleans())
    def test_adjoint(self, seed: int, shape: tuple[int, int, int, int], csr: bool) -> None:
        """In both orders of summation, dense and sparse, <Phi U, R> = <U, Phi^T R>; both are the matrix written out."""
        n, p, g, c = shape
        generator = np.random.default_rng(seed)
        operator = random_operator(generator, n, p, g, csr=csr)
        blocks, residual = generator.standard_normal((g, p, c)), generator.standard_normal((n, c))
        matrix = as_matrix(operator)
        np.testing.assert_allclose(operator.forward(blocks), matrix @ blocks.reshape(g * p, c), atol=1e-12)
        np.testing.assert_allclose(operator.adjoint(residual).reshape(g * p, c), matrix.T @ residual, atol=1e-12)
        left, right = np.vdot(operator.forward(blocks), residual), np.vdot(blocks, operator.adjoint(residual))
        assert left == pytest.approx(right, rel=1e-11, abs=1e-11)

    @given(seed=seeds, n=st.integers(1, 9), p=st.integers(2, 5), g=st.integers(1, 6), csr=st.booleans())
    def test_kernel(self, seed: int, n: int, p: int, g: int, csr: bool) -> None:
        r"""The Hadamard product of two Gram matrices is :math:`\Phi\Phi^T`, with factors on both sides too."""
        generator = np.random.default_rng(seed)
        operator = random_operator(generator, n, p, g, csr=csr)
        matrix, roots = as_matrix(operator), generator.uniform(0.1, 3.0, n)
        kernel = matrix @ matrix.T
        np.testing.assert_allclose(operator.kernel(), kernel, atol=1e-12 * (1 + kernel.max()))
        np.testing.assert_allclose(
            operator.kernel(roots), roots[:, None] * kernel * roots, atol=1e-11 * (1 + kernel.max())
        )
        np.testing.assert_allclose(operator.kernel_diagonal(), np.diag(kernel), atol=1e-12 * (1 + kernel.max()))


class TestLosses:
    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    @given(seed=seeds, c=st.integers(2, 4), size=st.floats(0.1, 20.0))
    def test_fenchel_young(self, loss: Loss, seed: int, c: int, size: float) -> None:
        """l(f) + l*(v) >= <v, f>, with equality where v is the gradient at f."""
        generator = np.random.default_rng(seed)
        target = random_target(generator, loss, 6, c)
        here, there = size * generator.standard_normal((2, *target.shape))
        value, gradient = loss.value(here, target), loss.gradient(here, target)
        conjugate = loss.conjugate(gradient, target)
        scale = 1e-11 * (1 + size**2)
        np.testing.assert_allclose(value + conjugate, (gradient * here).sum(axis=1), atol=scale)
        assert (loss.value(there, target) + conjugate >= (gradient * there).sum(axis=1) - scale).all()

    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    def test_conjugate_is_the_supremum(self, loss: Loss) -> None:
        generator = np.random.default_rng(0)
        target = random_target(generator, loss, 8, 3)
        residual = 0.6 * loss.gradient(generator.standard_normal(target.shape), target)
        for v, y, conjugate in zip(residual, target, loss.conjugate(residual, target), strict=True):

            def negative(f: np.ndarray, v: np.ndarray = v, y: np.ndarray = y) -> float:
                return float(loss.value(f[None], y[None])[0] - v @ f)

            assert -minimize(negative, np.zeros(len(v)), tol=1e-10).fun == pytest.approx(conjugate, abs=1e-6)

    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    @given(seed=seeds)
    def test_gradient_and_curvature(self, loss: Loss, seed: int) -> None:
        """Central differences give the gradient; no second difference exceeds the curvature."""
        generator = np.random.default_rng(seed)
        target = random_target(generator, loss, 5, 3)
        at, direction = 2.0 * generator.standard_normal((2, *target.shape))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        step = 1e-4
        ahead, here, behind = (loss.value(at + s * direction, target) for s in (step, 0.0, -step))
        slope = (loss.gradient(at, target) * direction).sum(axis=1)
        np.testing.assert_allclose((ahead - behind) / (2 * step), slope, atol=1e-6)
        assert ((ahead - 2 * here + behind) / step**2 <= loss.curvature + 1e-5).all()

    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    @given(seed=seeds, size=st.floats(0.1, 30.0))
    def test_intercept_makes_the_residual_feasible(self, loss: Loss, seed: int, size: float) -> None:
        """At the best intercept the weighted residuals add up to zero: the dual's equality constraint."""
        generator = np.random.default_rng(seed)
        target, weights = random_target(generator, loss, 7, 3), generator.uniform(0.1, 4.0, 7)
        prediction = size * generator.standard_normal(target.shape)
        intercept = loss.intercept(prediction, target, weights, np.zeros(target.shape[1]))
        residual = weights @ loss.gradient(prediction + intercept, target)
        np.testing.assert_allclose(residual / weights.sum(), 0.0, atol=1e-9 * (1 + size))


class TestPenalties:
    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @given(seed=seeds, step=st.floats(0.01, 5.0), p=st.integers(1, 4), c=st.integers(1, 4))
    def test_moreau(self, penalty: NormPenalty, seed: int, step: float, p: int, c: int) -> None:
        """What the prox takes away lies in the polar ball of radius step, and is aligned with what it leaves."""
        blocks = 2.0 * np.random.default_rng(seed).standard_normal((5, p, c))
        left = penalty.prox(blocks, step)
        taken = blocks - left
        assert (penalty.polar(taken) <= step * (1 + 1e-12)).all()
        np.testing.assert_allclose((taken * left).sum(axis=(1, 2)), step * penalty.value(left), atol=1e-10)

    @pytest.mark.parametrize("penalty", [*NORMS, Ridge()], ids=named)
    @given(seed=seeds, step=st.floats(0.01, 5.0))
    def test_prox_is_the_minimiser(self, penalty: Penalty, seed: int, step: float) -> None:
        generator = np.random.default_rng(seed)
        blocks = generator.standard_normal((1, 3, 2))

        def energy(at: np.ndarray) -> float:
            return float(step * penalty.value(at)[0] + 0.5 * ((at - blocks) ** 2).sum())

        best = penalty.prox(blocks, step)
        for size in (1e-3, 0.1, 1.0):
            assert energy(best) <= energy(best + size * generator.standard_normal(blocks.shape)) + 1e-12
        assert energy(best) <= energy(0 * best) + 1e-12

    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @given(seed=seeds)
    def test_polar_norm_is_dual(self, penalty: NormPenalty, seed: int) -> None:
        """<U, V> <= Omega(U) polar(V); the bound is reached, by the subgradient that a prox takes away."""
        generator = np.random.default_rng(seed)
        first, second = generator.standard_normal((2, 4, 3, 2))
        inner = (first * second).sum(axis=(1, 2))
        assert (inner <= penalty.value(first) * penalty.polar(second) + 1e-12).all()
        aligned = first - penalty.prox(first, 1e-6)
        reached = (first * aligned).sum(axis=(1, 2))
        np.testing.assert_allclose(reached, penalty.value(first) * penalty.polar(aligned), rtol=1e-5)

    @given(seed=seeds)
    def test_one_output_makes_the_norms_equal(self, seed: int) -> None:
        blocks = np.random.default_rng(seed).standard_normal((4, 3, 1))
        for penalty in NORMS[1:]:
            np.testing.assert_allclose(penalty.value(blocks), NORMS[0].value(blocks))
            np.testing.assert_allclose(penalty.prox(blocks, 0.7), NORMS[0].prox(blocks, 0.7), atol=1e-14)


class TestRidge:
    @settings(max_examples=40)
    @given(seed=seeds, n=st.integers(2, 9), g=st.integers(1, 4), c=st.integers(1, 2), ratio=st.floats(1e-3, 10.0))
    def test_three_solvers_and_the_normal_equations(self, seed: int, n: int, g: int, c: int, ratio: float) -> None:
        """Kernel, eigendecomposition and conjugate gradients all solve the bordered normal equations."""
        generator = np.random.default_rng(seed)
        operator = random_operator(generator, n, 3, g, csr=bool(seed % 2))
        target, weights = generator.standard_normal((n, c)), generator.uniform(0.1, 3.0, n)
        matrix, share = as_matrix(operator), weights / weights.sum()
        alpha = ratio * float(share @ (matrix**2).sum(axis=1))
        width = matrix.shape[1]
        bordered = np.zeros((width + 1, width + 1))
        bordered[:-1, :-1] = matrix.T @ (share[:, None] * matrix) + alpha * np.eye(width)
        bordered[-1, :-1] = bordered[:-1, -1] = share @ matrix
        bordered[-1, -1] = 1.0
        right = np.concatenate([matrix.T @ (share[:, None] * target), (share @ target)[None]])
        exact = np.linalg.solve(bordered, right)
        size = np.abs(exact).max()
        for solution in (
            solve_ridge(operator, target, weights, alpha),
            RidgePath(operator, target, weights).solution(alpha),
            solve_ridge_iteratively(operator, target, weights, alpha, tolerance=1e-18, max_iterations=100),
        ):
            np.testing.assert_allclose(solution.blocks.reshape(width, c), exact[:-1], atol=1e-7 * size)
            np.testing.assert_allclose(solution.intercept, exact[-1], atol=1e-7 * size)

    @settings(max_examples=30)
    @given(seed=seeds, n=st.integers(2, 8), ratio=st.floats(1e-3, 3.0))
    def test_leaving_one_out_is_refitting(self, seed: int, n: int, ratio: float) -> None:
        """The closed form equals n fits without one sample each, at the same penalty on the sum of the losses."""
        generator = np.random.default_rng(seed)
        operator = random_operator(generator, n, 3, 3, csr=False)
        target, weights = generator.standard_normal((n, 2)), generator.uniform(0.3, 3.0, n)
        matrix = as_matrix(operator)
        alpha = ratio * float(weights @ (matrix**2).sum(axis=1)) / weights.sum()
        closed = solve_ridge(operator, target, weights, alpha).left_out
        path = RidgePath(operator, target, weights).left_out(alpha)
        for i in range(n):
            rest = np.delete(np.arange(n), i)
            same = alpha * weights.sum() / weights[rest].sum()
            refit = solve_ridge(operator.take_samples(rest), target[rest], weights[rest], same, left_out_rows=0)
            expected = operator.take_samples(np.array([i])).forward(refit.blocks)[0] + refit.intercept
            np.testing.assert_allclose(path[i], expected, atol=1e-7)
            # The diagonal of the inverse comes from a factor in single precision.
            np.testing.assert_allclose(closed[i], expected, atol=1e-4)

    @settings(max_examples=40)
    @given(seed=seeds, steps=st.integers(0, 4), ratio=st.floats(1e-3, 1.0))
    def test_an_unfinished_certificate_is_a_bound(self, seed: int, steps: int, ratio: float) -> None:
        generator = np.random.default_rng(seed)
        operator = random_operator(generator, 12, 3, 4, csr=False)
        target, weights = generator.standard_normal((12, 2)), generator.uniform(0.1, 3.0, 12)
        matrix, share = as_matrix(operator), weights / weights.sum()
        alpha = ratio * float(share @ (matrix**2).sum(axis=1))
        best = solve_ridge(operator, target, weights, alpha).certificate
        poor = nystrom_preconditioner(operator, weights, alpha, landmarks=2)
        rough = solve_ridge_iteratively(
            operator, target, weights, alpha, tolerance=1e-12, max_iterations=steps, preconditioner=poor
        )
        flat = rough.blocks.reshape(-1, 2)
        misfit = ((matrix @ flat + rough.intercept - target) ** 2).sum(axis=1)
        value = 0.5 * share @ misfit + 0.5 * alpha * (flat**2).sum()
        assert rough.certificate.objective == pytest.approx(value, rel=1e-12)
        assert rough.certificate.dual_bound <= best.objective * (1 + 1e-10)
        assert rough.certificate.objective >= best.dual_bound * (1 - 1e-10)


class TestNormPrograms:
    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    @settings(max_examples=3)
    @given(seed=seeds, steps=st.integers(0, 25), ratio=st.floats(0.1, 0.95))
    def test_every_certificate_is_a_bound(
        self, loss: Loss, penalty: NormPenalty, seed: int, steps: int, ratio: float
    ) -> None:
        """However early a solver stops: its objective is that of its blocks, its bound below the optimum."""
        program = random_program(seed, loss, penalty)
        alpha = ratio * program.alpha_max()
        best = solve_fista(program, alpha, tolerance=1e-6, max_iterations=1000)
        optimum = objective(program, alpha, best.blocks, best.intercept)
        solvers = (solve_fista, solve_admm if isinstance(loss, Squared) else solve_loss_splitting)
        for solver in solvers:
            rough = solver(program, alpha, tolerance=1e-12, max_iterations=steps)
            value = objective(program, alpha, rough.blocks, rough.intercept)
            assert rough.certificate.objective == pytest.approx(value, rel=1e-10, abs=1e-12)
            assert rough.certificate.dual_bound <= optimum + 1e-10 * abs(optimum)
            assert value >= optimum - best.certificate.gap - 1e-10

    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    def test_a_general_conic_solver_agrees(self, loss: Loss, penalty: NormPenalty) -> None:
        cp = pytest.importorskip("cvxpy", reason="the differential test needs cvxpy: install consilience[peers]")
        program = random_program(3, loss, penalty)
        alpha = 0.15 * program.alpha_max()
        matrix, y = as_matrix(program.operator), program.target
        g, p, c = program.shape
        blocks = [cp.Variable((p, c)) for _ in range(g)]
        prediction = matrix @ cp.vstack(blocks) + np.ones((len(y), 1)) @ cp.reshape(cp.Variable(c), (1, c), order="C")
        if isinstance(loss, Squared):
            losses = cp.sum(cp.square(prediction - y), axis=1) / 2
        elif isinstance(loss, Logistic):
            losses = cp.sum(cp.logistic(prediction) - cp.multiply(y, prediction), axis=1)
        else:
            losses = cp.log_sum_exp(prediction, axis=1) - cp.sum(cp.multiply(y, prediction), axis=1)
        norms = {
            Frobenius: lambda block: cp.norm(block, "fro"),
            Columns: lambda block: cp.sum(cp.norm(block, 2, axis=0)),
            Nuclear: cp.normNuc,
        }
        share = program.weights / program.weights.sum()
        goal = share @ losses + alpha * sum(norms[type(penalty)](block) for block in blocks)
        reference = cp.Problem(cp.Minimize(goal)).solve(solver=cp.CLARABEL)
        for solver in (solve_fista, solve_admm if isinstance(loss, Squared) else solve_loss_splitting):
            solution = solver(program, alpha, tolerance=1e-8, max_iterations=5000)
            assert objective(program, alpha, solution.blocks, solution.intercept) == pytest.approx(reference, rel=1e-6)
            assert solution.certificate.dual_bound <= reference * (1 + 1e-6)
            assert solution.certificate.relative_gap <= 1e-8

    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @settings(max_examples=5)
    @given(seed=seeds, ratio=st.floats(0.1, 0.9), wide=st.booleans())
    def test_two_solvers_agree(self, penalty: NormPenalty, seed: int, ratio: float, wide: bool) -> None:
        """ADMM, in whichever of its two spaces, and FISTA find the same predictions."""
        program = random_program(seed, Squared(), penalty, n=8 if wide else 20, g=4)
        alpha = ratio * program.alpha_max()
        fista = solve_fista(program, alpha, tolerance=1e-8, max_iterations=2000)
        admm = solve_admm(program, alpha, tolerance=1e-8, max_iterations=2000)
        assert admm.certificate.objective == pytest.approx(fista.certificate.objective, rel=1e-6)
        gap = fista.certificate.gap + admm.certificate.gap
        apart = ((program.operator.forward(fista.blocks - admm.blocks) + fista.intercept - admm.intercept) ** 2).sum(1)
        # The loss is strongly convex in the prediction: two points near the optimum are near each other.
        assert program.weights @ apart / program.weights.sum() <= 8 * gap + 1e-12

    @pytest.mark.parametrize("penalty", NORMS, ids=named)
    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    def test_alpha_max_is_where_the_network_turns_constant(self, loss: Loss, penalty: NormPenalty) -> None:
        program = random_program(5, loss, penalty)
        largest = program.alpha_max()
        above = solve_fista(program, 1.001 * largest, tolerance=1e-9, max_iterations=2000)
        below = solve_fista(program, 0.98 * largest, tolerance=1e-9, max_iterations=2000)
        assert not above.blocks.any()
        assert below.blocks.any()
        np.testing.assert_allclose(above.intercept, program.constant(), atol=1e-12)

    @pytest.mark.parametrize("loss", LOSSES, ids=named)
    @settings(max_examples=2)
    @given(seed=seeds)
    def test_optimal_values_rise_with_the_penalty_concavely(self, loss: Loss, seed: int) -> None:
        """The optimum is a minimum of functions affine in alpha: increasing and concave, slope the penalty."""
        program = random_program(seed, loss, Frobenius(), n=15)
        alphas = program.alpha_max() * np.array([0.9, 0.5, 0.2])
        points = convex_path(program, alphas.tolist(), tolerance=1e-5)
        for alpha, point in zip(alphas, points, strict=True):
            value = objective(program, alpha, point.blocks, point.intercept)
            assert point.certificate.objective == pytest.approx(value, rel=1e-9)
            assert point.certificate.relative_gap <= 1e-5
            for other in alphas:  # the tangent at alpha lies above the curve
                reached = value + (other - alpha) * program.penalty_value(point.blocks)
                best = points[list(alphas).index(other)].certificate.dual_bound
                assert best <= reached * (1 + 1e-9)
        values = [point.certificate.objective for point in points]
        assert all(later <= earlier * (1 + 1e-5) for earlier, later in pairwise(values))

    @settings(max_examples=4)
    @given(seed=seeds)
    def test_a_weight_of_two_is_two_samples(self, seed: int) -> None:
        program = random_program(seed, Logistic(), Frobenius())
        twice = np.arange(0, 12, 3)
        doubled = replace(program, weights=program.weights * np.where(np.isin(np.arange(12), twice), 2.0, 1.0))
        rows = np.concatenate([np.arange(12), twice])
        repeated = replace(
            program,
            operator=program.operator.take_samples(rows),
            target=program.target[rows],
            weights=program.weights[rows],
        )
        alpha = 0.2 * doubled.alpha_max()
        assert repeated.alpha_max() == pytest.approx(doubled.alpha_max())
        first = solve_fista(doubled, alpha, tolerance=1e-8, max_iterations=2000).certificate
        second = solve_fista(repeated, alpha, tolerance=1e-8, max_iterations=2000).certificate
        assert first.objective == pytest.approx(second.objective, rel=1e-7)


class TestGates:
    @settings(max_examples=20)
    @given(seed=seeds, d=st.integers(2, 5))
    def test_cross_gates_are_equivariant(self, seed: int, d: int) -> None:
        """Mixing the features by any invertible matrix, and moving them, changes no split but for its side.

        A full cross gate is the hyperplane through d samples, and hyperplanes go with their points. The points
        themselves lie inside on either side, so they are left out of the comparison; so are facets of the hull, which
        from one of their sides are active everywhere and dropped.
        """
        generator = np.random.default_rng(seed)
        x = generator.standard_normal((25, d))
        mixing = generator.standard_normal((d, d)) @ make_spd_matrix(d, random_state=seed) + 2 * np.eye(d)
        moved = x @ mixing.T + generator.standard_normal(d)
        plain, mixed = (
            draw_gates("cross", PointCloud(points, np.ones(25)), 12, np.random.default_rng(seed))
            for points in (x, moved)
        )

        def splits(gates, points) -> set[tuple[bytes, bytes]]:
            lengths = np.linalg.norm(gates.vectors[1:], axis=1)
            heights = (points @ gates.vectors[1:].T + gates.offsets[1:]) / lengths
            on = np.argsort(np.abs(heights), axis=0)[:d]
            sides = np.where(heights >= 0, 1, -1)
            np.put_along_axis(sides, on, 0, axis=0)
            leading = np.take_along_axis(sides, (sides != 0).argmax(axis=0)[None], axis=0)
            return {column.tobytes() for column in (sides * leading).T if column.min() < 0 < column.max()}

        if np.linalg.cond(mixing) < 100:
            assert splits(plain[0], x) == splits(mixed[0], moved)

"""Solvers of many small systems: exact at the end, never worse on the way, sound where there is nothing to solve."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.krylov import conjugate_gradients, gmres  # noqa: E402

SYSTEMS, SIZE = 5, 6

both = pytest.mark.parametrize("solver", [conjugate_gradients, gmres])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def positive(seed: int = 0) -> torch.Tensor:
    root = draw(SYSTEMS, SIZE, SIZE, seed=seed)
    return root @ root.mT + torch.eye(SIZE, dtype=torch.float64)


def product(matrices: torch.Tensor):
    return lambda vectors: (matrices @ vectors.flatten(1)[:, :, None])[:, :, 0].reshape(vectors.shape)


def residuals(matrices: torch.Tensor, right: torch.Tensor, solution: torch.Tensor) -> torch.Tensor:
    return (right - product(matrices)(solution)).flatten(1).norm(dim=1)


@both
def test_as_many_steps_as_unknowns_solve_a_symmetric_system(solver) -> None:
    matrices, right = positive(), draw(SYSTEMS, 1, 2, 3, seed=1)
    found = solver(product(matrices), right, iterations=SIZE)
    expected = torch.linalg.solve(matrices, right.flatten(1)).reshape(right.shape)
    assert found.shape == right.shape
    assert torch.allclose(found, expected, rtol=0, atol=1e-9)


def test_gmres_solves_what_is_not_symmetric() -> None:
    matrices, right = draw(SYSTEMS, SIZE, SIZE), draw(SYSTEMS, SIZE, seed=1)
    found = gmres(product(matrices), right, iterations=SIZE)
    assert torch.allclose(found, torch.linalg.solve(matrices, right), rtol=0, atol=1e-8)


def test_gmres_has_the_least_residual_of_its_space() -> None:
    matrices, right = draw(SYSTEMS, SIZE, SIZE), draw(SYSTEMS, SIZE, seed=1)
    for steps in range(1, 5):
        powers = [right]
        for _ in range(steps):
            powers.append(product(matrices)(powers[-1]))
        images = torch.stack(powers[1:], dim=2)
        best = right - (images @ torch.linalg.lstsq(images, right[:, :, None]).solution)[:, :, 0]
        found = residuals(matrices, right, gmres(product(matrices), right, iterations=steps))
        assert torch.allclose(found, best.norm(dim=1), rtol=1e-8, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@both
def test_steps_beyond_the_solution_leave_it_alone(solver, dtype) -> None:
    right = draw(SYSTEMS, SIZE, seed=1).to(dtype)
    right[1] = 0.0
    for scale in (1.0, 1e-12, 1e12):
        found = solver(lambda v, scale=scale: scale * v, right, iterations=9)
        assert torch.allclose(scale * found, right, rtol=1e-5, atol=1e-6)
    assert not found[1].any()


@both
def test_a_space_exhausted_in_one_system_does_not_stop_the_others(solver) -> None:
    matrices, right = positive(), draw(SYSTEMS, SIZE, seed=1)
    matrices[0] = 3.0 * torch.eye(SIZE, dtype=torch.float64)
    matrices[1] = torch.diag(torch.tensor([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], dtype=torch.float64))
    right[2] = 0.0
    found = solver(product(matrices), right, iterations=SIZE + 2)
    assert torch.allclose(found, torch.linalg.solve(matrices, right), rtol=0, atol=1e-8)


def test_gmres_leaves_a_singular_system_finite_and_no_worse() -> None:
    matrices, right = positive(), draw(SYSTEMS, SIZE, seed=1)
    matrices[0] = 0.0
    matrices[1] = torch.diag(torch.tensor([1.0, 2.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64))
    nilpotent = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    nilpotent[0, 1] = 1.0
    matrices[2] = nilpotent
    found = gmres(product(matrices), right, iterations=SIZE)
    assert torch.isfinite(found).all()
    assert (residuals(matrices, right, found) <= right.norm(dim=1) * (1 + 1e-12)).all()
    assert not found[0].any()


def test_the_residual_of_gmres_never_grows() -> None:
    matrices, right = draw(SYSTEMS, SIZE, SIZE), draw(SYSTEMS, SIZE, seed=1)
    sizes = [residuals(matrices, right, gmres(product(matrices), right, iterations=n)) for n in range(1, 9)]
    assert all((after <= before * (1 + 1e-9)).all() for before, after in pairwise(sizes))


@both
def test_a_system_does_not_depend_on_its_batch(solver) -> None:
    matrices, right = positive(), draw(SYSTEMS, SIZE, seed=1)
    together = solver(product(matrices), right, iterations=3)
    for row in range(SYSTEMS):
        at = slice(row, row + 1)
        assert torch.allclose(solver(product(matrices[at]), right[at], iterations=3), together[at], rtol=0, atol=1e-13)


def test_conjugate_gradients_stop_where_the_product_is_not_positive() -> None:
    matrices, right = positive(), draw(SYSTEMS, SIZE, seed=1)
    matrices[0] = -torch.eye(SIZE, dtype=torch.float64)
    found = conjugate_gradients(product(matrices), right, iterations=SIZE)
    assert not found[0].any()
    assert torch.allclose(found[1:], torch.linalg.solve(matrices, right)[1:], rtol=0, atol=1e-9)


def test_each_system_is_done_by_its_own_tolerance() -> None:
    matrices, right = positive(), draw(SYSTEMS, SIZE, seed=1)
    matrices[0] = 2.0 * torch.eye(SIZE, dtype=torch.float64)
    calls = []

    def counted(vectors: torch.Tensor) -> torch.Tensor:
        calls.append(len(vectors))
        return product(matrices)(vectors)

    together = conjugate_gradients(counted, right, iterations=50, tolerance=1e-3)
    assert len(calls) <= SIZE
    assert (residuals(matrices, right, together) <= 1e-3 * right.norm(dim=1)).all()
    for row in range(SYSTEMS):
        at = slice(row, row + 1)
        alone = conjugate_gradients(product(matrices[at]), right[at], iterations=50, tolerance=1e-3)
        assert torch.allclose(alone, together[at], rtol=0, atol=1e-13)

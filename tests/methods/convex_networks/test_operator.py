"""The gated operator: both orders, blocks of rows, sub-operators, sparse features, torch."""

import numpy as np
import pytest
from scipy import sparse

from consilience.methods.convex_networks import operator as operator_module
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator, SparseFeatures


def random_pair(n: int = 14, p: int = 4, g: int = 6) -> tuple[GatedOperator, GatedOperator]:
    """Return the same operator twice, over a CSR matrix and over its dense form."""
    generator = np.random.default_rng(n + p + g)
    matrix = sparse.random_array((n, p - 1), density=0.5, rng=generator, format="csr")
    centre, scales = generator.standard_normal(p - 1), generator.uniform(0.5, 2.0, g)
    patterns = generator.random((n, g)) < 0.5
    patterns[:, 0] = True
    dense = np.column_stack([(matrix.toarray() - centre) / 1.3, np.full(n, 0.3)])
    return (
        GatedOperator(SparseFeatures(matrix, centre, 1.3, 0.3), patterns, scales),
        GatedOperator(DenseFeatures(dense), patterns, scales),
    )


@pytest.mark.parametrize("g", [2, 9])
def test_sparse_and_dense_are_one(g: int) -> None:
    """With more gates than features the dense operator sums over gates first, the sparse one never does."""
    sparse_form, dense_form = random_pair(g=g)
    generator = np.random.default_rng(0)
    blocks, residual = generator.standard_normal((g, 4, 2)), generator.standard_normal((14, 2))
    roots = generator.uniform(0.5, 2.0, 14)
    for method, arguments in [
        ("forward", (blocks,)),
        ("adjoint", (residual,)),
        ("kernel", ()),
        ("kernel", (roots,)),
        ("kernel_diagonal", ()),
        ("columns", ()),
    ]:
        left, right = (getattr(form, method)(*arguments) for form in (sparse_form, dense_form))
        np.testing.assert_allclose(left, right, atol=1e-12, err_msg=method)


@pytest.mark.parametrize("bytes_at_once", [1, 1000])
@pytest.mark.parametrize("g", [2, 9])
def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch, bytes_at_once: int, g: int) -> None:
    generator = np.random.default_rng(0)
    blocks, residual = generator.standard_normal((g, 4, 2)), generator.standard_normal((14, 2))
    for form in random_pair(g=g):
        whole = form.forward(blocks), form.adjoint(residual)
        with monkeypatch.context() as patch:
            patch.setattr(operator_module, "BLOCK_BYTES", bytes_at_once)
            np.testing.assert_allclose(form.forward(blocks), whole[0], atol=1e-13)
            np.testing.assert_allclose(form.adjoint(residual), whole[1], atol=1e-13)


def test_columns_are_the_matrix() -> None:
    for form in random_pair():
        matrix = form.columns()
        blocks = np.random.default_rng(0).standard_normal((6, 4, 2))
        np.testing.assert_allclose(matrix @ blocks.reshape(24, 2), form.forward(blocks), atol=1e-12)
        np.testing.assert_allclose(matrix @ matrix.T, form.kernel(), atol=1e-12)


def test_zero_blocks_are_skipped_not_changed() -> None:
    blocks = np.random.default_rng(0).standard_normal((6, 4, 2))
    for form in random_pair():
        for active in ([], [1, 4], range(6)):
            some = blocks * np.isin(np.arange(6), active)[:, None, None]
            np.testing.assert_allclose(form.forward_nonzero(some), form.forward(some), atol=1e-13)


def test_parts() -> None:
    blocks = np.random.default_rng(0).standard_normal((6, 4, 2))
    rows, gates = np.array([5, 2, 9]), np.array([4, 1])
    for form in random_pair():
        np.testing.assert_allclose(form.take_samples(rows).forward(blocks), form.forward(blocks)[rows], atol=1e-13)
        kept = blocks * np.isin(np.arange(6), gates)[:, None, None]
        np.testing.assert_allclose(form.take_gates(gates).forward(blocks[gates]), form.forward(kept), atol=1e-13)


@pytest.mark.parametrize("flops", [0.0, 1e12])
def test_gate_norms_are_bounds(monkeypatch: pytest.MonkeyPatch, flops: float) -> None:
    """Spectral norms where they are affordable, something larger where they are not."""
    monkeypatch.setattr(operator_module, "GRAM_FLOPS", flops)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 14)
    for form in random_pair():
        matrix = (np.sqrt(weights)[:, None] * form.columns()).reshape(14, 6, 4)
        exact = [np.linalg.norm(matrix[:, gate], 2) for gate in range(6)]
        norms = form.gate_norms(weights)
        assert (norms >= np.multiply(exact, 1 - 1e-12)).all()
        if flops and isinstance(form.features, DenseFeatures):
            np.testing.assert_allclose(norms, exact)


def test_largest_eigenvalue_is_approached_from_below() -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 14)
    for form in random_pair():
        exact = np.linalg.norm(np.sqrt(weights)[:, None] * form.columns(), 2) ** 2
        assert 0.5 * exact < form.largest_eigenvalue(weights) <= exact * (1 + 1e-12)
        assert form.largest_eigenvalue(weights, steps=200) == pytest.approx(exact)


def test_the_kernel_counts_shared_gates_exactly() -> None:
    """Counts beyond the precision of halves, with scales whose squares are no multiples of each other."""
    generator = np.random.default_rng(0)
    patterns = generator.random((5, 300)) < 0.7
    features = generator.standard_normal((5, 3))
    for scales in (None, generator.uniform(0.1, 3.0, 300), np.r_[1.0, np.full(299, 299**-0.5)]):
        squares = np.ones(300) if scales is None else scales**2
        shared = (patterns * squares) @ patterns.T
        operator = GatedOperator(DenseFeatures(features), patterns, scales)
        np.testing.assert_allclose(operator.kernel(), (features @ features.T) * shared, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("g", [2, 9])
def test_torch_says_the_same(g: int) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    _, dense = random_pair(g=g)
    tensors = GatedOperator(
        DenseFeatures(torch.tensor(dense.features.array)), torch.tensor(dense.patterns), dense.scales
    )
    generator = np.random.default_rng(0)
    blocks, residual = generator.standard_normal((g, 4, 2)), generator.standard_normal((14, 2))
    weights = generator.uniform(0.5, 2.0, 14)
    np.testing.assert_allclose(tensors.forward(torch.tensor(blocks)), dense.forward(blocks), atol=1e-12)
    np.testing.assert_allclose(tensors.forward_nonzero(torch.tensor(blocks)), dense.forward(blocks), atol=1e-12)
    np.testing.assert_allclose(tensors.adjoint(torch.tensor(residual)), dense.adjoint(residual), atol=1e-12)
    np.testing.assert_allclose(tensors.kernel(), dense.kernel(), atol=1e-12)
    np.testing.assert_allclose(tensors.kernel(torch.tensor(weights)), dense.kernel(weights), atol=1e-12)
    np.testing.assert_allclose(tensors.kernel_diagonal(), dense.kernel_diagonal(), atol=1e-12)
    np.testing.assert_allclose(tensors.columns(), dense.columns(), atol=1e-12)
    np.testing.assert_allclose(tensors.gate_norms(torch.tensor(weights)), dense.gate_norms(weights), atol=1e-12)
    assert tensors.largest_eigenvalue(torch.tensor(weights)) == pytest.approx(dense.largest_eigenvalue(weights))
    part = tensors.take_samples(np.array([3, 1])).take_gates(np.array([1]))
    np.testing.assert_allclose(
        part.forward(torch.tensor(blocks[:1])),
        dense.take_samples(np.array([3, 1])).take_gates(np.array([1])).forward(blocks[:1]),
        atol=1e-12,
    )

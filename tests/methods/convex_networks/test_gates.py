"""Gates: samples that define a boundary are inside, no gate is redundant, every kind is what it says, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import gates as gates_module
from consilience.methods.convex_networks.gates import Gates, GateSource, PointCloud, draw_gates

KINDS = ["gaussian", "datum", "cross", "pca", "pair"]


def cloud_of(seed: int, n: int = 30, d: int = 4) -> PointCloud:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((n, d)) * generator.uniform(0.5, 3.0, d) + generator.standard_normal(d)
    return PointCloud(points, generator.uniform(0.5, 2.0, n))


def draw(source: GateSource, cloud: PointCloud, gates: int = 20, rank: int | None = None) -> tuple[Gates, np.ndarray]:
    return draw_gates(source, cloud, gates, np.random.default_rng(7), rank=rank)


def heights(gates: Gates, cloud: PointCloud) -> np.ndarray:
    """Return distances from the boundaries of the drawn gates, positive inside."""
    drawn = gates.take(np.arange(1, len(gates.offsets)))
    return (cloud.features @ drawn.vectors.T + drawn.offsets) / np.linalg.norm(drawn.vectors, axis=1)


class TestDrawing:
    @pytest.mark.parametrize("kind", KINDS)
    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 5))
    def test_what_every_kind_returns(self, kind: str, seed: int, d: int) -> None:
        cloud = cloud_of(seed, d=d)
        gates, patterns = draw(kind, cloud)
        np.testing.assert_array_equal(gates.patterns(cloud.features), patterns)
        assert patterns[:, 0].all()
        assert not patterns[:, 1:].all(axis=0).any()
        assert patterns[:, 1:].any(axis=0).all()
        assert len(np.unique(patterns, axis=1).T) == patterns.shape[1] <= 21

    @pytest.mark.parametrize(
        ("kind", "rank", "on"), [("datum", None, 1), ("cross", 1, 1), ("cross", 3, 3), ("cross", None, 4)]
    )
    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_samples_that_define_a_boundary_are_active(self, kind: str, rank: int | None, on: int, seed: int) -> None:
        """As many samples as the kind says lie on each boundary, and all of them inside."""
        cloud = cloud_of(seed)
        gates, patterns = draw(kind, cloud, rank=rank)
        on_boundary = np.abs(heights(gates, cloud)) < 3e-7 * cloud.extent
        assert (on_boundary.sum(axis=0) >= on).all()
        assert patterns[:, 1:][on_boundary].all()

    @pytest.mark.parametrize("kind", ["datum", "cross"])
    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_they_are_active_in_single_precision_too(self, kind: str, seed: int) -> None:
        cloud = cloud_of(seed)
        cloud = PointCloud(cloud.features - cloud.centre, cloud.probabilities)
        gates, _ = draw(kind, cloud)
        on_boundary = np.abs(heights(gates, cloud)) < 3e-7 * cloud.extent
        rounded = cloud.features.astype(np.float32)
        assert gates.patterns(rounded)[:, 1:][on_boundary].all()
        np.testing.assert_array_equal(gates.patterns(rounded), gates.patterns(rounded.astype(np.float64)))

    def test_far_from_the_origin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where rounding of the coordinates exceeds the margin, the margin grows with it."""
        cloud = cloud_of(0, d=40)
        far = PointCloud(cloud.features + 1e12, cloud.probabilities)
        drawn = []
        plain = PointCloud.draw
        monkeypatch.setattr(PointCloud, "draw", lambda *arguments: drawn.append(plain(*arguments)) or drawn[-1])
        gates = gates_module._with_margin(gates_module._datum(far, 500, None, np.random.default_rng(0)), far)
        assert gates.patterns(far.features)[drawn[0][:, 0], np.arange(500)].all()

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "gaussian"])
    def test_moving_and_scaling_all_features_changes_no_pattern(self, kind: str) -> None:
        """Gaussian gates alone are drawn around the origin, wherever the samples are."""
        cloud = cloud_of(3)
        moved = PointCloud(1e-3 * cloud.features + 5.0, cloud.probabilities)
        np.testing.assert_array_equal(draw(kind, cloud)[1], draw(kind, moved)[1])

    def test_a_pair_is_split_by_its_bisector(self) -> None:
        cloud = PointCloud(np.array([[0.0, 0.0], [2.0, 4.0]]), np.ones(2))
        gates, patterns = draw("pair", cloud)
        assert sorted(map(tuple, patterns.T.tolist())) == [(False, True), (True, False), (True, True)]
        middle = np.array([[1.0, 2.0]])
        np.testing.assert_allclose(middle @ gates.vectors[1:].T + gates.offsets[1:], 0.0, atol=1e-6)

    def test_pca_gates_lie_in_the_leading_subspace(self) -> None:
        cloud = cloud_of(1)
        gates, _ = draw("pca", cloud, rank=2)
        axes = cloud.principal_axes()[:, :2]
        vectors = gates.vectors[1:]
        np.testing.assert_allclose(vectors @ axes @ axes.T, vectors, atol=1e-12)

    def test_no_gates_are_the_linear_model(self) -> None:
        _, patterns = draw("datum", cloud_of(0), gates=0)
        assert patterns.shape == (30, 1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_one_distinct_sample_has_no_gates(self, kind: str) -> None:
        _, patterns = draw(kind, PointCloud(np.ones((1, 3)), np.ones(1)))
        assert patterns.shape == (1, 1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_samples_on_a_line(self, kind: str) -> None:
        """Rank one in three dimensions: a full cross gate passes through a single point."""
        line = np.linspace(-1.0, 1.0, 9)[:, None] * np.array([[1.0, -2.0, 0.5]])
        _, patterns = draw(kind, PointCloud(line, np.ones(9)), gates=50)
        assert patterns.shape[1] > 5

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_generator_fixes_everything(self, kind: str) -> None:
        first, second = draw(kind, cloud_of(0))[0], draw(kind, cloud_of(0))[0]
        np.testing.assert_array_equal(first.vectors, second.vectors)
        np.testing.assert_array_equal(first.offsets, second.offsets)


class TestSources:
    def test_an_array(self) -> None:
        cloud = cloud_of(0)
        array = np.column_stack([np.eye(4), -cloud.features[:4].diagonal()])
        gates, patterns = draw(np.vstack([array, array, np.eye(5)[-1:]]), cloud)
        np.testing.assert_array_equal(gates.vectors, np.vstack([np.zeros(4), np.eye(4)]))
        assert patterns[np.arange(4), np.arange(1, 5)].all()

    def test_a_function(self) -> None:
        def first_axis(points: PointCloud, count: int, generator: np.random.Generator) -> Gates:
            return Gates(vectors=np.eye(4)[[0] * count], offsets=-generator.choice(points.features[:, 0], count))

        gates, _ = draw(first_axis, cloud_of(0))
        assert (gates.vectors[1:] == np.eye(4)[0]).all()

    @pytest.mark.parametrize(
        ("source", "rank", "message"),
        [
            ("cross", 5, "rank must be at most the rank of the samples, 4; got 5"),
            ("pca", 5, "rank must be at most the rank of the samples, 4; got 5"),
            ("cross", 0, "rank must be at least 1; got 0"),
            (np.ones((3, 4)), None, r"a gates array must have shape \(gates, 5\).*got \(3, 4\)"),
            (np.ones(5), None, r"a gates array must have shape \(gates, 5\).*got \(5,\)"),
            (np.full((2, 5), np.nan), None, "gates must be finite"),
            (lambda *_: np.ones((3, 5)), None, "must return Gates; got ndarray"),
            (lambda *_: Gates(vectors=np.ones((3, 2)), offsets=np.ones(3)), None, "vectors of 4 features"),
        ],
    )
    def test_bad_sources_are_named(self, source: GateSource, rank: int | None, message: str) -> None:
        with pytest.raises(InvalidInput, match=message):
            draw(source, cloud_of(0), rank=rank)

    def test_an_unknown_kind_is_named(self) -> None:
        # The check of types, which only tests make, would come before the message.
        from_source = gates_module._from_source.__wrapped__
        with pytest.raises(InvalidInput, match=r"gates must be one of \['cross', 'datum', .*got 'ga'"):
            from_source("ga", cloud_of(0), 20, np.random.default_rng(0), None)

    def test_too_few_samples(self) -> None:
        with pytest.raises(InvalidInput, match=r"pass through 3 points each, but there are only 2 distinct"):
            cloud_of(0, n=2).draw(5, 3, np.random.default_rng(0))


class TestPointCloud:
    @pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array])
    def test_sparse_and_dense_are_one(self, form: type) -> None:
        dense = cloud_of(0)
        compressed = PointCloud(form(dense.features), dense.probabilities)
        np.testing.assert_allclose(compressed.centre, dense.centre)
        np.testing.assert_allclose(compressed.squared_distances, dense.squared_distances)
        assert (compressed.extent, compressed.largest_norm) == pytest.approx((dense.extent, dense.largest_norm))
        chosen = np.array([[0, 3], [2, 2]])
        np.testing.assert_allclose(compressed.points(chosen), dense.points(chosen))
        np.testing.assert_allclose(compressed.principal_axes(), dense.principal_axes(), atol=1e-10)
        for kind in KINDS:
            np.testing.assert_array_equal(draw(kind, compressed)[1], draw(kind, dense)[1])

    def test_memory_beyond_the_limit_is_refused_with_what_would_fit(self) -> None:
        dense = cloud_of(0)
        cloud = PointCloud(dense.features, dense.probabilities, memory_limit_gib=1e-6)
        with pytest.raises(InvalidInput, match=r"200 gates with 2 points each in \d features need .*; \d+ gates would"):
            draw("pair", cloud, gates=200)

    def test_moments_by_hand(self) -> None:
        cloud = PointCloud(np.array([[0.0], [4.0]]), np.array([3.0, 1.0]))
        assert cloud.centre.tolist() == [1.0]
        assert cloud.squared_distances.tolist() == [1.0, 9.0]
        assert cloud.extent == 3.0

    def test_moments_far_from_the_origin(self) -> None:
        """Distances from the centre set the scale of the features: they may not be differences of large squares."""
        near = cloud_of(0)
        far = PointCloud(near.features + 1e9, near.probabilities)
        np.testing.assert_allclose(far.squared_distances, near.squared_distances, rtol=1e-5)
        assert PointCloud(np.full((7, 3), 1 / 3), np.ones(7)).extent == 0.0

    @pytest.mark.parametrize("points", [1, 2])
    def test_points_are_drawn_by_weight_and_distinct(self, points: int) -> None:
        cloud = PointCloud(np.arange(4.0)[:, None], np.array([8.0, 1.0, 1.0, 2.0]))
        chosen = cloud.draw(4000, points, np.random.default_rng(0))
        assert chosen.shape == (4000, points)
        assert all(len(set(row)) == points for row in chosen.tolist())
        first = np.bincount(chosen[:, 0] if points == 1 else chosen.min(axis=1), minlength=4) / 4000
        # Without replacement the first of two is sample 0 unless both draws miss it.
        missed = 1 / 3 if points == 1 else sum(w / 12 * (4 - w) / (12 - w) for w in (1, 1, 2))
        assert first[0] == pytest.approx(1 - missed, abs=0.03)

    @pytest.mark.parametrize("shape", [(3, 6), (20, 4)])
    def test_axes_are_orthonormal_and_leading(self, shape: tuple[int, int]) -> None:
        cloud = cloud_of(0, *shape)
        axes = cloud.principal_axes()
        rank = min(shape[0] - 1, shape[1])
        assert axes.shape == (shape[1], rank)
        np.testing.assert_allclose(axes.T @ axes, np.eye(rank), atol=1e-10)
        projected = cloud.points(np.arange(shape[0])) @ axes
        second = (projected * cloud.probabilities[:, None]).T @ projected
        assert (np.diff(np.diag(second)) <= 1e-12).all()
        np.testing.assert_allclose(second, np.diag(np.diag(second)), atol=1e-10)
        assert cloud.principal_axes(2).shape == (shape[1], 2)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_samples_that_an_outlier_takes_to_one_side_of_every_gate_are_said(form) -> None:
    samples = np.random.default_rng(0).standard_normal((30, 2))
    samples[3, 0] = 1e12
    cloud = PointCloud(form(samples), np.ones(30))
    with pytest.warns(RuntimeWarning, match="gates do not tell the former apart"):
        draw("datum", cloud)
    samples[3, 0] = 1e5
    assert draw("datum", PointCloud(form(samples), np.ones(30)))[1].shape[1] > 10

"""The study of the spirals: the published optimum, the erratum's, and the picture."""

from pathlib import Path

import numpy as np

from consilience.ground import RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.spiral import spiral, two_spirals, unrotated_pairs


def test_published_spiral_has_the_published_optimum(tmp_path: Path) -> None:
    evidence = spiral(Config(spiral_points=160), Streams(0), RunFolder(tmp_path, quiet=True))
    optimum, gap, seconds, erratum, accuracy = evidence.measurements
    assert [optimum.holds, gap.holds, seconds.holds, erratum.holds] == [True] * 4
    assert seconds.timing
    assert accuracy.value == 100.0
    assert (tmp_path / evidence.figures[0].file).read_text().lstrip().startswith("<?xml")


def test_other_sizes_have_no_published_optimum_to_meet(tmp_path: Path) -> None:
    optimum, gap, *_ = spiral(Config(spiral_points=20), Streams(0), RunFolder(tmp_path, quiet=True)).measurements
    assert not optimum.barred
    assert gap.holds


def test_arms_mirror_each_other() -> None:
    points, labels = two_spirals(160)
    np.testing.assert_array_equal(points[:80], -points[80:])
    assert (labels[:80].sum(), labels[80:].sum()) == (80.0, -80.0)
    np.testing.assert_allclose(points[8], [0.0, (104 - 8) / 104], atol=1e-15)


def test_unrotated_lines_run_across_those_through_the_points() -> None:
    points, _ = two_spirals(10)
    neurons = unrotated_pairs(points)
    first, second = np.triu_indices(10, 1)
    scores = points @ neurons.weights.T + neurons.biases
    pairs = np.arange(len(first))
    distances = np.linalg.norm(points[first] - points[second], axis=1)
    np.testing.assert_allclose(scores[second, pairs], 0.0, atol=1e-14)
    np.testing.assert_allclose(scores[first, pairs], distances)
    np.testing.assert_allclose(scores[first, pairs + len(pairs)], 0.0, atol=1e-14)

"""The splitting converges to a point that satisfies all cones, and starts at the null model."""

import numpy as np

from consilience.methods.convex_networks.cone_geometry import ConeProgram
from consilience.methods.convex_networks.cone_splitting import Splitting


def test_splitting_approaches_the_optimum_from_the_null_model() -> None:
    generator = np.random.default_rng(0)
    features = np.column_stack([generator.standard_normal((30, 2)), np.ones(30)])
    patterns = np.unique(features @ generator.standard_normal((3, 8)) >= 0.0, axis=1)
    program = ConeProgram.prepare(features, patterns, np.abs(features[:, 0]), 0.03)
    splitting = Splitting(program)
    assert not splitting.vectors.any()
    violations = []
    bounds = []
    for _ in range(4):
        splitting.advance(500)
        violations.append(program.violation(splitting.vectors))
        bounds.append(program.value(program.project(splitting.vectors)) - program.lower_bound(splitting.vectors))
    assert splitting.n_iter == 2000
    assert violations[-1] < 1e-6
    assert bounds[-1] <= 1e-5 * program.value(program.zero())

"""The active-set method ends at the optimum from a rough start, stays feasible and never makes a point worse."""

import numpy as np
import pytest

from consilience.methods.convex_networks.cone_geometry import ConeProgram
from consilience.methods.convex_networks.cone_newton import refine
from consilience.methods.convex_networks.cone_splitting import Splitting


@pytest.mark.parametrize("free_bias", [False, True])
@pytest.mark.parametrize("steps", [20, 200])
def test_refinement_is_feasible_no_worse_and_optimal_from_near(steps: int, free_bias: bool) -> None:
    generator = np.random.default_rng(1)
    features = np.column_stack([generator.standard_normal((40, 3)), np.ones(40)])
    patterns = np.unique(features @ generator.standard_normal((4, 12)) >= 0.0, axis=1)
    program = ConeProgram.prepare(features, patterns, np.abs(features[:, 0]), 0.01, free_bias=free_bias)
    splitting = Splitting(program)
    splitting.advance(steps)
    start = program.project(splitting.vectors)
    before = start.copy()
    refined = refine(program, start)
    np.testing.assert_array_equal(start, before)
    assert program.violation(refined) <= 1e-9
    assert program.value(refined) <= program.value(start) * (1.0 + 1e-12)
    if steps == 200:
        assert program.value(refined) - program.lower_bound(refined) <= 1e-6 * program.value(refined)


def test_the_null_model_grows_neurons_where_they_help() -> None:
    features = np.column_stack([np.linspace(-1.0, 1.0, 11), np.ones(11)])
    patterns = np.column_stack([features[:, 0] >= 0.0, features[:, 0] <= 0.0])
    program = ConeProgram.prepare(features, patterns, np.abs(features[:, 0]), 1e-3)
    refined = refine(program, program.zero())
    assert program.value(refined) < 0.5 * program.value(program.zero())

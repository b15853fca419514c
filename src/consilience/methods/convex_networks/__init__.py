"""Convex networks: two-layer ReLU networks trained to a certified optimum, with gates by geometric algebra.

Can a neural network be trained like a linear model, to a global optimum, with a proof of it and no learning rate?

Idea: once the half-spaces on which neurons are active (gates) are chosen, training is a convex program. Its optimal
neurons are generalized cross products of training samples, and a gate kernel turns ridge training into one linear
solve. The estimators follow scikit-learn; the Clifford algebra works in hundreds of dimensions and stands alone.

Source: "Randomized Geometric Algebra Methods for Convex Neural Networks", arXiv:2406.02806.

The names load when they are first used.

Examples
--------
>>> from sklearn.datasets import load_wine
>>> from sklearn.preprocessing import scale
>>> from consilience.methods.convex_networks import ConvexReLUClassifier
>>> X, y = load_wine(return_X_y=True)
>>> ConvexReLUClassifier(random_state=0).fit(scale(X), y).score(scale(X), y)
1.0
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.convex_networks.algebra import Algebra
    from consilience.methods.convex_networks.blades import Blade
    from consilience.methods.convex_networks.cells import enumerate_cells
    from consilience.methods.convex_networks.cone import solve_cone
    from consilience.methods.convex_networks.cross_products import cross, cross_all
    from consilience.methods.convex_networks.estimators import (
        ConvexReLUClassifier,
        ConvexReLUClassifierCV,
        ConvexReLURegressor,
        ConvexReLURegressorCV,
    )
    from consilience.methods.convex_networks.export import register_onnx_converters
    from consilience.methods.convex_networks.path import convex_path
    from consilience.methods.convex_networks.sketch import random_cross, sketched_inner, sketched_volume

_HOMES = {
    "Algebra": "algebra",
    "Blade": "blades",
    "ConvexReLUClassifier": "estimators",
    "ConvexReLUClassifierCV": "estimators",
    "ConvexReLURegressor": "estimators",
    "ConvexReLURegressorCV": "estimators",
    "convex_path": "path",
    "cross": "cross_products",
    "cross_all": "cross_products",
    "enumerate_cells": "cells",
    "random_cross": "sketch",
    "register_onnx_converters": "export",
    "sketched_inner": "sketch",
    "sketched_volume": "sketch",
    "solve_cone": "cone",
}

__all__ = [
    "Algebra",
    "Blade",
    "ConvexReLUClassifier",
    "ConvexReLUClassifierCV",
    "ConvexReLURegressor",
    "ConvexReLURegressorCV",
    "convex_path",
    "cross",
    "cross_all",
    "enumerate_cells",
    "random_cross",
    "register_onnx_converters",
    "sketched_inner",
    "sketched_volume",
    "solve_cone",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="convex")

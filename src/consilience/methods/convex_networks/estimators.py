r"""scikit-learn estimators: convex networks with a certificate and without a learning rate.

Source: the gated and ReLU convex programs of Pilanci and Ergen with the gates of arXiv:2406.02806; closed-form
solution by the gate kernel, leave-one-out and certificates derived in the documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from consilience.methods.convex_networks.arrays import Array
from consilience.methods.convex_networks.fitting import fit_network
from consilience.methods.convex_networks.gates import Gates, GateSource
from consilience.methods.convex_networks.manners import ClassifierManners, NetworkEstimator, RegressorManners
from consilience.methods.convex_networks.problem import (
    Activation,
    Fit,
    LossName,
    PenaltyName,
    Problem,
    Settings,
    SolverName,
)
from consilience.methods.convex_networks.selection import select_alpha

__all__ = ["ConvexReLUClassifier", "ConvexReLUClassifierCV", "ConvexReLURegressor", "ConvexReLURegressorCV"]

Constraints = dict[str, list[Any]]

ALPHA_RATIOS = tuple(float(ratio) for ratio in np.logspace(-4, 1, 16))
"""The penalties that the CV estimators choose from, in natural units."""

_GATES: Constraints = {
    "n_gates": [Interval(Integral, 0, None, closed="left")],
    "gates": [StrOptions({"datum", "gaussian", "cross", "pca", "pair"}), callable, np.ndarray],
    "rank": [Interval(Integral, 1, None, closed="left"), None],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "device": [str, None],
    "memory_limit_gib": [Interval(Real, 0, None, closed="neither")],
    "random_state": ["random_state"],
}
_PENALISED: Constraints = {
    **_GATES,
    "activation": [StrOptions({"gated", "relu"})],
    "penalty": [StrOptions({"auto", "ridge", "group", "columns", "nuclear"})],
    "loss": [StrOptions({"auto", "squared", "cross_entropy"})],
    "alpha": [Interval(Real, 0, None, closed="neither"), None],
    "alpha_ratio": [Interval(Real, 0, None, closed="neither")],
    "solver": [StrOptions({"auto", "kernel", "cg", "admm", "fista"})],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
}
_CHOSEN: Constraints = {**_GATES, "alpha_ratios": ["array-like"]}
_CLASS_WEIGHT: Constraints = {"class_weight": [dict, StrOptions({"balanced"}), None]}


class _Penalised(NetworkEstimator):
    """An estimator whose penalty is given."""

    _parameter_constraints: ClassVar[Constraints] = _PENALISED

    def __init__(
        self,
        n_gates: int = 200,
        *,
        gates: GateSource = "datum",
        rank: int | None = None,
        activation: Activation = "gated",
        penalty: PenaltyName = "auto",
        loss: LossName = "auto",
        alpha: float | None = None,
        alpha_ratio: float = 0.03,
        solver: SolverName = "auto",
        tol: float = 1e-3,
        max_iter: int = 2000,
        warm_start: bool = False,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        device: str | None = None,
        memory_limit_gib: float = 4.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_gates = n_gates
        self.gates = gates
        self.rank = rank
        self.activation = activation
        self.penalty = penalty
        self.loss = loss
        self.alpha = alpha
        self.alpha_ratio = alpha_ratio
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.dtype = dtype
        self.device = device
        self.memory_limit_gib = memory_limit_gib
        self.random_state = random_state

    def _settings(self) -> Settings:
        return Settings(
            gates=self.gates,
            n_gates=int(self.n_gates),
            rank=None if self.rank is None else int(self.rank),
            activation=self.activation,
            penalty=self.penalty,
            loss=self.loss,
            alpha=self.alpha,
            alpha_ratio=float(self.alpha_ratio),
            solver=self.solver,
            tolerance=float(self.tol),
            max_iterations=int(self.max_iter),
            dtype=self.dtype,
            device=self.device,
            memory_limit_gib=float(self.memory_limit_gib),
        )

    def _solve(self, problem: Problem, generator: np.random.Generator, start: Array | None, *, classifies: bool) -> Fit:
        fit = fit_network(problem, self._settings(), classifies=classifies, generator=generator, start=start)
        self._blocks = fit.blocks if self.warm_start else None
        return fit

    def _earlier(self, features: int, outputs: int) -> tuple[Gates | None, Array | None]:
        if not (self.warm_start and hasattr(self, "gates_")) or self.gates_.vectors.shape[1] != features:
            return None, None
        fits = self._blocks is not None and self._blocks.shape[2] == outputs
        return self.gates_, self._blocks if fits else None


class _CrossValidated(NetworkEstimator):
    """An estimator that chooses its ridge penalty by leave-one-out."""

    _parameter_constraints: ClassVar[Constraints] = _CHOSEN

    def __init__(
        self,
        n_gates: int = 200,
        *,
        gates: GateSource = "datum",
        rank: int | None = None,
        alpha_ratios: Sequence[float] = ALPHA_RATIOS,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        device: str | None = None,
        memory_limit_gib: float = 4.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_gates = n_gates
        self.gates = gates
        self.rank = rank
        self.alpha_ratios = alpha_ratios
        self.dtype = dtype
        self.device = device
        self.memory_limit_gib = memory_limit_gib
        self.random_state = random_state

    def _settings(self) -> Settings:
        return Settings(
            gates=self.gates,
            n_gates=int(self.n_gates),
            rank=None if self.rank is None else int(self.rank),
            penalty="ridge",
            dtype=self.dtype,
            device=self.device,
            memory_limit_gib=float(self.memory_limit_gib),
        )

    def _solve(self, problem: Problem, generator: np.random.Generator, start: Array | None, *, classifies: bool) -> Fit:
        del start
        ratios = np.asarray(self.alpha_ratios, dtype=np.float64)
        if ratios.ndim != 1 or not len(ratios) or not (np.isfinite(ratios) & (ratios > 0)).all():
            raise ValueError(f"alpha_ratios must be a list of positive numbers; got {self.alpha_ratios!r}.")
        chosen = select_alpha(problem, self._settings(), ratios.tolist(), generator, classifies=classifies)
        self.alpha_ratio_ = chosen.ratio
        self.loo_errors_ = chosen.errors
        self.linear_comparison_ = chosen.linear
        self.linear_is_enough_ = chosen.linear.linear_is_enough
        return chosen.fit


class ConvexReLUClassifier(ClassifierManners, _Penalised):
    """Classify by a two-layer network whose training is a convex program.

    The network is a sum of linear maps, each switched on by a half-space (a gate). With gates drawn once, training is
    convex: there is no learning rate and no bad local optimum, and every fit carries a certificate of how far from
    the optimum of its program it can be. Equal rows are merged, so sample weights, repetition and order mean what
    they should. Features of very different scale should be standardised first, as for any network.

    Parameters
    ----------
    n_gates : int, default=200
        Gates drawn, beside the one that is always active. Zero gives a linear model.
    gates : {"datum", "gaussian", "cross", "pca", "pair"}, callable or array, default="datum"
        How gates are drawn; see `consilience.methods.convex_networks.gates`. An array of shape
        (gates, n_features + 1) holds normals and, last, offsets.
    rank : int, default=None
        Points of a "cross" gate (default: the rank of the samples), dimensions of a "pca" gate (default: at most 16).
    activation : {"gated", "relu"}, default="gated"
        "relu" solves the cone program and yields an ordinary ReLU network, more slowly.
    penalty : {"auto", "ridge", "group", "columns", "nuclear"}, default="auto"
        "ridge" has a closed form; the norms select gates ("group": for all outputs together; "columns": output by
        output; "nuclear": weight decay of a vector-output network). "auto" is "ridge", and "columns" for "relu".
    loss : {"auto", "squared", "cross_entropy"}, default="auto"
        "cross_entropy" is for classifiers with a norm penalty, and what "auto" stands for there.
    alpha : float, default=None
        Penalty of the mean loss, on features centred and scaled by one number. Overrides `alpha_ratio`.
    alpha_ratio : float, default=0.03
        Penalty in natural units: for "ridge" relative to the mean of the gate kernel's diagonal over the total
        weight, so that 1 is heavy and 1e-4 light at any sample size; for norms relative to `alpha_max_`, above which
        the network is constant.
    solver : {"auto", "kernel", "cg", "admm", "fista"}, default="auto"
        For "ridge": "kernel" is one Cholesky factorisation, "cg" preconditioned conjugate gradients for many samples.
        For norms: "admm" factorises the gate kernel, "fista" needs less memory and more steps.
    tol : float, default=1e-3
        Relative duality gap at which iterative solvers stop.
    max_iter : int, default=2000
        Most steps of an iterative solver.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied into the sample weights.
    warm_start : bool, default=False
        Keep the gates of the last fit, and start iterative solvers from its coefficients.
    dtype : {"auto", "float64", "float32"}, default="auto"
        Arithmetic of the solver; "auto" is double except for "cg". Gates and certificates are always in double.
    device : str, default=None
        A torch device such as "cuda" to solve on; None solves with numpy.
    memory_limit_gib : float, default=4.0
        A fit that needs more is refused before it starts, with what would fit.
    random_state : int, RandomState instance or None, default=None
        Draws the gates.

    Attributes
    ----------
    network_ : GatedNetwork or ReluNetwork
        The fitted function, as plain arrays.
    gates_ : Gates
        The gates used, distinct on the training samples; the first is always active.
    coef_blocks_ : ndarray of shape (n_gates, n_features, n_outputs)
        Linear map of every gate (gated networks).
    intercept_ : ndarray of shape (n_outputs,)
    alpha_, alpha_max_ : float
        The penalty used, and the one above which the network is constant (norm penalties; None otherwise).
    certificate_ : Certificate
        Objective, lower bound and what program they are about.
    objective_, dual_bound_, duality_gap_ : float
        The same as numbers; the gap is relative.
    n_iter_ : int
        Steps of the solver.
    n_active_gates_ : int
        Gates with a block that is not zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, if X had string column names
    classes_ : ndarray of shape (n_classes,)
    probability_scale_ : float
        Probabilities are the softmax (or logistic function) of scale * decision + bias. With cross-entropy the scale
        is one; with the ridge penalty it is fitted to held-out decisions.
    probability_bias_ : ndarray of shape (n_outputs,)
        Zero: probabilities never contradict `predict`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> model = ConvexReLUClassifier(random_state=0).fit(X, y)
    >>> model.score(X_test, y_test) > 0.98, model.duality_gap_ < 1e-9
    (True, True)
    """

    _parameter_constraints: ClassVar[Constraints] = {**_PENALISED, **_CLASS_WEIGHT}

    def __init__(
        self,
        n_gates: int = 200,
        *,
        gates: GateSource = "datum",
        rank: int | None = None,
        activation: Activation = "gated",
        penalty: PenaltyName = "auto",
        loss: LossName = "auto",
        alpha: float | None = None,
        alpha_ratio: float = 0.03,
        solver: SolverName = "auto",
        tol: float = 1e-3,
        max_iter: int = 2000,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        warm_start: bool = False,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        device: str | None = None,
        memory_limit_gib: float = 4.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_gates,
            gates=gates,
            rank=rank,
            activation=activation,
            penalty=penalty,
            loss=loss,
            alpha=alpha,
            alpha_ratio=alpha_ratio,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            dtype=dtype,
            device=device,
            memory_limit_gib=memory_limit_gib,
            random_state=random_state,
        )
        self.class_weight = class_weight


class ConvexReLURegressor(RegressorManners, _Penalised):
    """Regress by a two-layer network whose training is a convex program; one target or several.

    See `ConvexReLUClassifier` for the method.

    Parameters
    ----------
    n_gates, gates, rank, activation, penalty, loss, alpha, alpha_ratio, solver, tol, max_iter, warm_start,
    dtype, device, memory_limit_gib, random_state
        As in `ConvexReLUClassifier`, with its attributes but for those of classes and probabilities.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 201)[:, None]
    >>> model = ConvexReLURegressor(n_gates=50, alpha_ratio=1e-4, random_state=0).fit(x, np.abs(x[:, 0]))
    >>> bool(np.abs(model.predict(np.array([[0.5], [-0.25]])) - [0.5, 0.25]).max() < 0.02)
    True
    """


class ConvexReLUClassifierCV(ClassifierManners, _CrossValidated):
    """Classify by a ridge network whose penalty is chosen by leave-one-out, in closed form.

    All candidates are scored from one eigendecomposition of the gate kernel; beyond 4,000 distinct samples, on a
    subsample of that many. What is left out is a distinct row with all its repetitions.

    Parameters
    ----------
    n_gates, gates, rank, dtype, device, memory_limit_gib, random_state
        As in `ConvexReLUClassifier`.
    alpha_ratios : sequence of float, default=16 values from 1e-4 to 10
        Candidates, relative to the mean of the gate kernel's diagonal over the total weight.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied into the sample weights.

    Attributes
    ----------
    alpha_ratio_ : float
        The candidate chosen.
    loo_errors_ : ndarray of shape (n_candidates,)
        Weighted mean squared leave-one-out error of every candidate, summed over outputs: every row's own target
        against the prediction of a fit without that row and its repetitions.
    linear_is_enough_ : bool
        Whether the best linear model, fitted by least squares as the network is, comes within one standard error of
        the network's leave-one-out error: log loss for classifiers, squared error for regressors.
    linear_comparison_ : LinearComparison
        The figures behind it.

    See Also
    --------
    ConvexReLUClassifier : all other attributes.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_wine(return_X_y=True)
    >>> ConvexReLUClassifierCV(random_state=0).fit(scale(X), y).alpha_ratio_ < 1.0
    True
    """

    _parameter_constraints: ClassVar[Constraints] = {**_CHOSEN, **_CLASS_WEIGHT}

    def __init__(
        self,
        n_gates: int = 200,
        *,
        gates: GateSource = "datum",
        rank: int | None = None,
        alpha_ratios: Sequence[float] = ALPHA_RATIOS,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        device: str | None = None,
        memory_limit_gib: float = 4.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            n_gates,
            gates=gates,
            rank=rank,
            alpha_ratios=alpha_ratios,
            dtype=dtype,
            device=device,
            memory_limit_gib=memory_limit_gib,
            random_state=random_state,
        )
        self.class_weight = class_weight


class ConvexReLURegressorCV(RegressorManners, _CrossValidated):
    """Regress by a ridge network whose penalty is chosen by leave-one-out, in closed form.

    Parameters
    ----------
    n_gates, gates, rank, alpha_ratios, dtype, device, memory_limit_gib, random_state
        As in `ConvexReLUClassifierCV`, with its attributes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> round(ConvexReLURegressorCV(random_state=0).fit(X, y).linear_comparison_.linear_error) in range(2900, 3100)
    True
    """

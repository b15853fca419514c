r"""scikit-learn manners of the convex networks: validation, labels, probabilities, attributes, export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state, compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from consilience.methods.convex_networks.arrays import Array
from consilience.methods.convex_networks.calibration import calibrated_scale
from consilience.methods.convex_networks.canonical import CanonicalSamples, canonical_samples
from consilience.methods.convex_networks.export import to_onnx, to_torch
from consilience.methods.convex_networks.gates import Gates
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink, ReluNetwork
from consilience.methods.convex_networks.problem import Fit, Problem, Settings, prepare

if TYPE_CHECKING:
    import onnx
    from torch import nn

__all__ = ["ClassifierManners", "NetworkEstimator", "RegressorManners"]

Precision = Literal["float32", "float64"]
Classifier = TypeVar("Classifier", bound="ClassifierManners")
Regressor = TypeVar("Regressor", bound="RegressorManners")


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """Fits a network to validated targets; subclasses say with which settings and how the penalty is found."""

    network_: GatedNetwork | ReluNetwork

    def _settings(self) -> Settings:
        raise NotImplementedError

    def _solve(self, problem: Problem, generator: np.random.Generator, start: Array | None, *, classifies: bool) -> Fit:
        raise NotImplementedError

    def _earlier(self, features: int, outputs: int) -> tuple[Gates | None, Array | None]:
        """Return gates and coefficients of an earlier fit to go on from; none unless a subclass keeps them."""
        del features, outputs
        return None, None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit_targets(
        self,
        X: Float[np.ndarray, "n d"] | sparse.csr_matrix | sparse.csr_array,
        targets: Float[np.ndarray, "n c"],
        weights: Float[np.ndarray, " n"],
        *,
        classifies: bool,
    ) -> tuple[CanonicalSamples, Fit]:
        if not weights.any():
            raise ValueError("All sample weights are zero; at least one must be positive.")
        samples = canonical_samples(_sorted_csr(X), targets, weights)
        generator = np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
        gates, start = self._earlier(X.shape[1], targets.shape[1])
        problem = prepare(samples, self._settings(), generator, gates=gates)
        fit = self._solve(problem, generator, start, classifies=classifies)
        self.network_ = fit.network
        self.gates_ = fit.gates
        self.intercept_ = fit.network.intercept
        if isinstance(fit.network, GatedNetwork):
            self.coef_blocks_ = fit.network.weights
        elif hasattr(self, "coef_blocks_"):
            del self.coef_blocks_  # an earlier fit's
        self.alpha_ = fit.alpha
        self.alpha_max_ = fit.alpha_max
        self.certificate_ = fit.certificate
        self.global_certificate_ = fit.global_certificate
        self.objective_ = fit.certificate.objective
        self.dual_bound_ = fit.certificate.dual_bound
        self.duality_gap_ = fit.certificate.relative_gap
        self.n_iter_ = max(fit.iterations, 1)
        self.n_active_gates_ = fit.n_active_gates
        return samples, fit

    def _decide(self, X: Any) -> Float[np.ndarray, "n c"]:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False)
        return self.network_.decision(X)

    def to_torch(self, *, precision: Precision = "float32") -> nn.Module:
        """Return a torch module that maps samples to decision values (to targets, for a regressor).

        Raises
        ------
        MissingDependency
            If torch is not installed.
        """
        check_is_fitted(self)
        return to_torch(self.network_, precision=precision)


class ClassifierManners(ClassifierMixin):  # type: ignore[misc]
    """Labels in, labels and probabilities out."""

    def fit(self: Classifier, X: Any, y: Any, sample_weight: Any = None) -> Classifier:
        """Fit the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of one type, at least two classes.
        sample_weight : array-like of shape (n_samples,), default=None
            A weight of two equals a repeated sample, a weight of zero an absent one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data that scikit-learn refuses, a single class, or settings that do not go together.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        check_classification_targets(y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        classes, indices = np.unique(y, return_inverse=True)
        present = classes[np.bincount(indices, weights=weights, minlength=len(classes)) > 0]
        if len(present) < 2:  # noqa: PLR2004 - two classes
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes; got only one class: {present.tolist()}."
            )
        self.classes_ = classes
        if self.class_weight is not None:
            weights = weights * self._class_factors(y, indices, weights)[indices]
        squared = self._settings().loss_name(classifies=True) == "squared"
        targets = _indicators(indices, len(classes), squared=squared)
        samples, fit = self._fit_targets(X, targets, weights, classifies=True)
        self.probability_scale_ = 1.0
        self.probability_bias_ = np.zeros(fit.network.n_outputs)
        if squared and fit.left_out is not None:
            self.probability_scale_ = calibrated_scale(fit.left_out, samples.targets, samples.weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of every sample, shape (n_samples,)."""
        decision = self._decide(X)
        if decision.shape[1] == 1:
            return np.asarray(self.classes_[(decision[:, 0] > 0).astype(int)])
        return np.asarray(self.classes_[np.argmax(decision, axis=1)])

    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores, of shape (n_samples,) for two classes and (n_samples, n_classes) for more."""
        decision = self._decide(X)
        return np.asarray(decision[:, 0] if decision.shape[1] == 1 else decision)

    def _has_probabilities(self) -> bool:
        settings = self._settings()
        if settings.loss_name(classifies=True) == "cross_entropy":
            return True
        if settings.penalty_name == "ridge":
            return True
        raise AttributeError(
            "predict_proba needs loss='cross_entropy', or penalty='ridge', whose leave-one-out decisions calibrate it."
        )

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return class probabilities, of shape (n_samples, n_classes).

        With cross-entropy they are the model's own. With the ridge penalty they are the decision values through one
        scale that maximises the likelihood of held-out decisions: leave-one-out in closed form, or a held-out part
        where "cg" solves.
        """
        return self._link().probabilities(self._decide(X))

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the logarithm of `predict_proba`, without underflow."""
        check_is_fitted(self)
        scores = self.probability_scale_ * self._decide(X)
        if scores.shape[1] == 1:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        return np.asarray(log_softmax(scores, axis=1))

    def to_onnx(self, *, precision: Precision = "float64", input_precision: Precision = "float32") -> onnx.ModelProto:
        """Return an ONNX model of standard operators with outputs label, probabilities and decision.

        Raises
        ------
        MissingDependency
            If onnx is not installed.
        """
        check_is_fitted(self)
        return to_onnx(
            self.network_,
            classes=self.classes_,
            probabilities=self._link() if hasattr(self, "predict_proba") else None,
            precision=precision,
            input_precision=input_precision,
        )

    def _link(self) -> ProbabilityLink:
        check_is_fitted(self)
        return ProbabilityLink(scale=self.probability_scale_, bias=self.probability_bias_)

    def _class_factors(
        self, y: np.ndarray, indices: Int[np.ndarray, " n"], weights: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " k"]:
        """Return the weight of every class; "balanced" counts weights, so that two equals a repetition."""
        if self.class_weight == "balanced":
            mass = np.bincount(indices, weights=weights, minlength=len(self.classes_))
            held = mass > 0
            return np.where(held, weights.sum() / (held.sum() * np.where(held, mass, 1.0)), 0.0)
        return np.asarray(compute_class_weight(self.class_weight, classes=self.classes_, y=y), dtype=np.float64)


class RegressorManners(MultiOutputMixin, RegressorMixin):  # type: ignore[misc]
    """Numbers in, numbers out; one column or many."""

    def fit(self: Regressor, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Fit the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            A weight of two equals a repeated sample, a weight of zero an absent one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data that scikit-learn refuses, or settings that do not go together.
        """
        self._validate_params()
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64, multi_output=True, y_numeric=True)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        y = np.asarray(y, dtype=np.float64)
        self._one_dimensional = y.ndim == 1
        self._fit_targets(X, y.reshape(len(y), -1), weights, classifies=False)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions in the shape of the targets that were fitted."""
        decision = self._decide(X)
        return np.asarray(decision[:, 0] if self._one_dimensional else decision)

    def to_onnx(self, *, precision: Precision = "float64", input_precision: Precision = "float32") -> onnx.ModelProto:
        """Return an ONNX model of standard operators with the output prediction.

        Raises
        ------
        MissingDependency
            If onnx is not installed.
        """
        check_is_fitted(self)
        return to_onnx(self.network_, precision=precision, input_precision=input_precision)


def _sorted_csr(X: Any) -> Any:
    """Return CSR with unique sorted indices and no stored zeros, as its dense form has them; dense as it is."""
    if not sparse.issparse(X):
        return X
    tidy = X.copy()
    tidy.sum_duplicates()
    tidy.eliminate_zeros()
    return tidy


def _indicators(indices: Int[np.ndarray, " n"], classes: int, *, squared: bool) -> Float[np.ndarray, "n c"]:
    """Return one column for two classes ({-1, 1} or {0, 1}), one-hot columns for more."""
    if classes > 2:  # noqa: PLR2004 - two classes
        return np.asarray(np.eye(classes)[indices])
    column = indices.astype(np.float64)[:, None]
    return 2.0 * column - 1.0 if squared else column

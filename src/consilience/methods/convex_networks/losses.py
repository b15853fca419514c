r"""Losses of the convex programs, each with gradient, conjugate and curvature.

A loss :math:`\ell(f, y)` takes a prediction and a target of ``c`` outputs. The dual of a program is written in the
residual :math:`v = \nabla_f \ell(f, y)`; its objective needs the convex conjugate
:math:`\ell^*(v; y) = \sup_f \langle v, f\rangle - \ell(f, y)`.

=========  ==========================================  =====================================  =========
loss       value                                       conjugate, with :math:`q = v + y`      curvature
=========  ==========================================  =====================================  =========
squared    :math:`\frac12\|f-y\|^2`                    :math:`\frac12\|v\|^2+\langle v,y\rangle`  1
logistic   :math:`\log(1+e^{f}) - yf`                  :math:`q\log q + (1-q)\log(1-q)`       1/4
softmax    :math:`\log\sum_k e^{f_k} - \langle y,f\rangle`  :math:`\sum_k q_k \log q_k`       1/2
=========  ==========================================  =====================================  =========

Targets may be soft (a mean of labels over repeated samples), which all three losses admit because they are linear in
``y`` up to a constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from jaxtyping import Float

from consilience.methods.convex_networks.arrays import Array, array_namespace, device_of, like

__all__ = ["Logistic", "Loss", "Softmax", "Squared"]

STATIONARY = 8.0
"""Slope of the mean loss in an intercept that counts as zero, in units of the last place of one."""
ROUNDING = 1000.0
"""Slope, in the same units, at which a step that gains nothing has only rounding left to fight."""
INTERCEPT_STEPS = 200
"""Most steps towards an intercept; seven are usual, sixty were needed for scores of a hundred."""


@runtime_checkable
class Loss(Protocol):
    """What a program needs to know of a loss."""

    curvature: float
    """Upper bound of the largest eigenvalue of the Hessian in the prediction."""
    typical_curvature: float
    """Its size near an optimum, where most samples are fitted: a first guess for step sizes, nothing more."""

    def value(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return the loss of every sample."""
        ...

    def gradient(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Return the gradient of every sample's loss in its prediction."""
        ...

    def conjugate(self, residual: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return the conjugate of every sample's loss at a feasible residual."""
        ...

    def prox(
        self,
        point: Float[Array, "n c"],
        target: Float[Array, "n c"],
        step: Float[Array, " n"],
        start: Float[Array, "n c"],
    ) -> Float[Array, "n c"]:
        """Return argmin_f step * loss(f) + |f - point|^2 / 2, sample by sample, begun at `start`."""
        ...

    def intercept(
        self,
        prediction: Float[Array, "n c"],
        target: Float[Array, "n c"],
        weights: Float[Array, " n"],
        start: Float[Array, " c"],
    ) -> Float[Array, " c"]:
        """Return the intercept that minimises the weighted mean loss of prediction + intercept."""
        ...


class Squared:
    """Half the squared Euclidean distance.

    Examples
    --------
    >>> import numpy as np
    >>> Squared().value(np.array([[3.0]]), np.array([[1.0]])).tolist()
    [2.0]
    """

    curvature = 1.0
    typical_curvature = 1.0

    def value(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return half the squared distance of every sample."""
        xp = array_namespace(prediction)
        return 0.5 * xp.sum((prediction - target) ** 2, axis=1)

    def gradient(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Return prediction minus target."""
        return prediction - target

    def conjugate(self, residual: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return the conjugate; every residual is feasible."""
        xp = array_namespace(residual)
        return xp.sum((0.5 * residual + target) * residual, axis=1)

    def prox(
        self,
        point: Float[Array, "n c"],
        target: Float[Array, "n c"],
        step: Float[Array, " n"],
        start: Float[Array, "n c"],
    ) -> Float[Array, "n c"]:
        """Return the mean of point and target, weighted by one and the step."""
        del start
        return (point + step[:, None] * target) / (1.0 + step[:, None])

    def intercept(
        self,
        prediction: Float[Array, "n c"],
        target: Float[Array, "n c"],
        weights: Float[Array, " n"],
        start: Float[Array, " c"],
    ) -> Float[Array, " c"]:
        """Return the weighted mean of what the prediction leaves over."""
        del start  # the minimiser is explicit
        xp = array_namespace(prediction)
        return xp.sum(weights[:, None] * (target - prediction), axis=0) / xp.sum(weights)


class Logistic:
    """Binary cross-entropy of one score; targets are probabilities of the positive class."""

    curvature = 0.25
    typical_curvature = 0.25

    def value(self, prediction: Float[Array, "n 1"], target: Float[Array, "n 1"]) -> Float[Array, " n"]:
        """Return log(1 + exp(f)) - y f, without overflow."""
        xp = array_namespace(prediction)
        soft_plus = xp.log1p(xp.exp(-xp.abs(prediction))) + (prediction + xp.abs(prediction)) / 2
        return xp.sum(soft_plus - target * prediction, axis=1)

    def gradient(self, prediction: Float[Array, "n 1"], target: Float[Array, "n 1"]) -> Float[Array, "n 1"]:
        """Return the probability of the positive class minus the target."""
        return _expit(prediction) - target

    def conjugate(self, residual: Float[Array, "n 1"], target: Float[Array, "n 1"]) -> Float[Array, " n"]:
        """Return the negative binary entropy of residual + target, which must lie in [0, 1]."""
        xp = array_namespace(residual)
        probability = _clip_unit(residual + target)
        return xp.sum(_x_log_x(probability) + _x_log_x(1.0 - probability), axis=1)

    def prox(
        self,
        point: Float[Array, "n 1"],
        target: Float[Array, "n 1"],
        step: Float[Array, " n"],
        start: Float[Array, "n 1"],
    ) -> Float[Array, "n 1"]:
        """Return the root of a monotone scalar equation a sample, by Newton steps of bounded length."""
        return _newton_prox(self, _logistic_newton, point=point, target=target, step=step, start=start)

    def intercept(
        self,
        prediction: Float[Array, "n 1"],
        target: Float[Array, "n 1"],
        weights: Float[Array, " n"],
        start: Float[Array, " 1"],
    ) -> Float[Array, " 1"]:
        """Return the root of the monotone derivative, by safeguarded Newton steps.

        Where all targets are zero, or all one, there is none; then scores are returned whose loss is rounding.
        """
        xp = array_namespace(prediction)
        total = xp.sum(weights)
        mean = float(xp.sum(weights[:, None] * target) / total)
        epsilon = float(xp.finfo(prediction.dtype).eps)
        logit = math.log(max(mean, epsilon) / max(1.0 - mean, epsilon))
        # A mean of probabilities lies between the least and the largest.
        low, high = logit - float(xp.max(prediction)), logit - float(xp.min(prediction))
        if not 0.0 < mean < 1.0:
            return like([low if mean <= 0.0 else high], start)
        shift = min(max(float(start[0]), low), high)
        for _ in range(INTERCEPT_STEPS):
            probability = _expit(prediction + shift)
            slope = float(xp.sum(weights[:, None] * (probability - target)) / total)
            curve = float(xp.sum(weights[:, None] * probability * (1.0 - probability)) / total)
            if abs(slope) <= STATIONARY * epsilon:
                break
            if slope > 0.0:
                high = shift
            else:
                low = shift
            moved = shift - slope / curve if curve > 0.0 else low
            if not low < moved < high:
                moved = (low + high) / 2
            if moved in {low, high}:
                break
            shift = moved
        return like([shift], start)


class Softmax:
    """Cross-entropy of ``c`` scores; targets are points of the probability simplex."""

    curvature = 0.5
    typical_curvature = 0.05

    def value(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return log-sum-exp of the scores minus the target's score."""
        xp = array_namespace(prediction)
        top = xp.max(prediction, axis=1, keepdims=True)
        log_sum = xp.log(xp.sum(xp.exp(prediction - top), axis=1)) + top[:, 0]
        return log_sum - xp.sum(target * prediction, axis=1)

    def gradient(self, prediction: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Return predicted probabilities minus the target."""
        return _softmax(prediction) - target

    def conjugate(self, residual: Float[Array, "n c"], target: Float[Array, "n c"]) -> Float[Array, " n"]:
        """Return the negative entropy of residual + target, which must lie in the simplex."""
        xp = array_namespace(residual)
        return xp.sum(_x_log_x(_clip_unit(residual + target)), axis=1)

    def prox(
        self,
        point: Float[Array, "n c"],
        target: Float[Array, "n c"],
        step: Float[Array, " n"],
        start: Float[Array, "n c"],
    ) -> Float[Array, "n c"]:
        """Return the proximal point by Newton steps of bounded length; the Hessian is diagonal plus rank one."""
        return _newton_prox(self, _softmax_newton, point=point, target=target, step=step, start=start)

    def intercept(
        self,
        prediction: Float[Array, "n c"],
        target: Float[Array, "n c"],
        weights: Float[Array, " n"],
        start: Float[Array, " c"],
    ) -> Float[Array, " c"]:
        """Return a minimiser with mean zero, by Levenberg-Marquardt steps in ``c`` dimensions.

        Newton steps alone fail where scores are large: the Hessian vanishes with the softmax's overlap.
        """
        xp = array_namespace(prediction)
        share = weights[:, None] / xp.sum(weights)
        goal = xp.sum(share * target, axis=0)
        epsilon = float(xp.finfo(prediction.dtype).eps)

        def evaluate(shift: Array) -> tuple[float, Array, Array, float]:
            probability = _softmax(prediction + shift)
            slope = xp.sum(share * probability, axis=0) - goal
            value = float(xp.sum(share[:, 0] * self.value(prediction + shift, target)))
            return value, probability, slope, float(xp.max(xp.abs(slope)))

        shift = start - xp.mean(start)
        value, probability, slope, size = evaluate(shift)
        # The Hessian is singular along the all-ones direction; adding it there is harmless.
        ones = xp.ones_like(shift[:, None] * shift[None, :]) / shift.shape[0]
        damping = 1.0
        for _ in range(INTERCEPT_STEPS):
            if size <= STATIONARY * epsilon:
                break
            weighted = share * probability
            diagonal = xp.sum(weighted, axis=0) + (damping * size + STATIONARY * epsilon)
            step = -xp.linalg.solve(_diagonal(diagonal) - weighted.T @ probability + ones, slope[:, None])[:, 0]
            trial = shift + step - xp.mean(step)
            reached = evaluate(trial)
            if reached[0] <= value + 1e-4 * float(xp.sum(slope * step)) or reached[3] <= size / 2:
                shift, (value, probability, slope, size) = trial, reached
                damping = max(damping / 4.0, 1e-6)
            elif size <= ROUNDING * epsilon:
                break
            else:
                damping *= 4.0
        return shift


PROX_STEPS = 30
"""Most Newton steps of a proximal map."""
PROX_ACCURACY = 1e-11
"""Largest gradient entry, relative to one, at which a proximal map is done."""
PROX_ROUNDING = 16.0
"""The same in units of the last place, where that is coarser: in single precision."""
LONGEST_STEP = 4.0
"""Longest Newton step in a score: further out the losses are nearly linear."""


def _newton_prox(
    loss: Loss,
    newton: Callable[[Array, Array, Array], Array],
    *,
    point: Array,
    target: Array,
    step: Array,
    start: Array,
) -> Array:
    """Minimise step * loss + squared distance / 2 over all samples at once."""
    xp = array_namespace(point)
    width = step[:, None]
    accuracy = max(PROX_ACCURACY, PROX_ROUNDING * float(xp.finfo(point.dtype).eps))
    score = start
    for _ in range(PROX_STEPS):
        slope = width * loss.gradient(score, target) + (score - point)
        if float(xp.max(xp.abs(slope))) <= accuracy * (1.0 + float(xp.max(xp.abs(point)))):
            break
        move = newton(score, width, slope)
        longest = xp.max(xp.abs(move), axis=1, keepdims=True)
        score = score - move * xp.clip(LONGEST_STEP / xp.where(longest > 0, longest, 1.0), None, 1.0)
    return score


def _logistic_newton(score: Array, width: Array, slope: Array) -> Array:
    probability = _expit(score)
    return slope / (width * probability * (1.0 - probability) + 1.0)


def _softmax_newton(score: Array, width: Array, slope: Array) -> Array:
    """Solve (width (diag p - p p^T) + I) move = slope by Sherman and Morrison."""
    xp = array_namespace(score)
    probability = _softmax(score)
    diagonal = width * probability + 1.0
    scaled = slope / diagonal
    along = probability / diagonal
    top = xp.sum(probability * scaled, axis=1, keepdims=True) * width
    bottom = 1.0 - width * xp.sum(probability * along, axis=1, keepdims=True)
    return scaled + along * top / bottom


def _diagonal(vector: Array) -> Array:
    xp = array_namespace(vector)
    return xp.eye(vector.shape[0], dtype=vector.dtype, device=device_of(vector)) * vector[:, None]


def _expit(score: Array) -> Array:
    xp = array_namespace(score)
    small = xp.exp(-xp.abs(score))
    return xp.where(score >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _softmax(score: Array) -> Array:
    xp = array_namespace(score)
    exponential = xp.exp(score - xp.max(score, axis=1, keepdims=True))
    return exponential / xp.sum(exponential, axis=1, keepdims=True)


def _clip_unit(probability: Array) -> Array:
    xp = array_namespace(probability)
    return xp.clip(probability, 0.0, 1.0)


def _x_log_x(probability: Array) -> Array:
    xp = array_namespace(probability)
    positive = probability > 0
    return xp.where(positive, probability * xp.log(xp.where(positive, probability, 1.0)), 0.0)

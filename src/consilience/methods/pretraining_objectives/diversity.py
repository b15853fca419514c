r"""How the number of targets decides how far contexts of one class fall apart.

Contexts see K targets each, drawn independently given the class. Their co-occurrence with themselves tends to
:math:`\frac1K I + (1 - \frac1K)` times one rank-one block a class, so that with many contexts :math:`s_{r+1}^2 = 1/K`
for r classes; unequal weights give :math:`\sum_k w_k^2`. With one target each (the next token of contexts that are all
different) the graph falls into one piece for each target, :math:`s_{r+1} = 1`, and no probe of width r is promised
anything.

With n contexts and m targets a class, each target has :math:`D = nK/m` contexts, and the graph is close to a random
biregular one: :math:`s_{r+1} \approx (\sqrt{K-1} + \sqrt{D-1}) / \sqrt{KD}`. Derived here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.joint import Joint

__all__ = ["ClassJoint", "effective_targets", "finite_residual"]


def effective_targets(weights: Float[np.ndarray, " target"]) -> float:
    """Return how many equally weighted targets connect contexts as well as these.

    Raises
    ------
    InvalidInput
        If a weight is negative or all are zero.

    Examples
    --------
    >>> effective_targets(np.array([1.0, 1.0, 1.0, 1.0])), effective_targets(np.array([1.0, 0.0]))
    (4.0, 1.0)
    """
    if len(weights) == 0 or weights.min() < 0 or weights.sum() <= 0:
        raise InvalidInput("`weights` must be numbers of at least 0 with a positive sum; got none such")
    return float(weights.sum() ** 2 / (weights**2).sum())


def finite_residual(targets: int, contexts: int, vocabulary: int) -> float:
    r"""Return the law of :math:`s_{r+1}^2` for finitely many contexts.

    Parameters
    ----------
    targets
        K, how many a context sees; at least 1.
    contexts
        n, of one class.
    vocabulary
        m, targets of one class.

    Raises
    ------
    InvalidInput
        If a number is below 1, or a target has less than one context on average.

    Examples
    --------
    >>> finite_residual(4, 10**9, 30)
    0.25...
    """
    if min(targets, contexts, vocabulary) < 1 or contexts * targets < vocabulary:
        raise InvalidInput(
            "`targets`, `contexts` and `vocabulary` must be at least 1, with a context for every target; "
            f"got {targets}, {contexts}, {vocabulary}"
        )
    degree = contexts * targets / vocabulary
    return float((np.sqrt(targets - 1) + np.sqrt(degree - 1)) ** 2 / (targets * degree))


@dataclass(frozen=True, kw_only=True)
class ClassJoint:
    """Contexts of several classes, each of which sees a few targets, mostly of its own class."""

    joint: Joint
    contexts: Int[np.ndarray, " context"]
    """Labels of the contexts."""
    targets: Int[np.ndarray, " target"]
    """Labels of the targets."""

    @classmethod
    def drawn(
        cls, generator: np.random.Generator, *, targets: int, classes: int, contexts: int, vocabulary: int, noise: float
    ) -> ClassJoint:
        """Draw one.

        Parameters
        ----------
        generator
        targets
            Seen by each context.
        classes
        contexts
            Of each class.
        vocabulary
            Targets of each class.
        noise
            Probability that a target comes from a class drawn anew from all.
        """
        label = np.repeat(np.arange(classes), contexts)
        shape = (len(label), targets)
        strayed = generator.random(shape) < noise
        source = np.where(strayed, generator.integers(classes, size=shape), label[:, None])
        seen = source * vocabulary + generator.integers(vocabulary, size=shape)
        counts = np.zeros((len(label), classes * vocabulary))
        np.add.at(counts, (np.arange(len(label))[:, None], seen), 1.0)
        return cls(joint=Joint.of(counts), contexts=label, targets=np.repeat(np.arange(classes), vocabulary))

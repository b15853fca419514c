r"""A contrastive loss over contexts and targets is a matrix factorisation, up to a constant.

With features :math:`f` of contexts and :math:`g` of targets,

.. math::
    L(f, g) = -2\,\mathrm{E}_{p(c,t)}\, f(c)^\top g(t)
              + \mathrm{E}_{p(c)}\mathrm{E}_{p(t)} \left(f(c)^\top g(t)\right)^2
            = \|\bar A - F G^\top\|_F^2 - \|\bar A\|_F^2,

where rows of F and G are features times the square roots of probabilities. Its minimum of width k is the truncated
singular value decomposition.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from consilience.methods.pretraining_objectives.joint import Joint

__all__ = ["factorisation_error", "spectral_loss"]

ContextFeatures = Float[np.ndarray, "context feature"]
TargetFeatures = Float[np.ndarray, "target feature"]


def spectral_loss(joint: Joint, contexts: ContextFeatures, targets: TargetFeatures) -> float:
    """Return the loss L, by expectations.

    Parameters
    ----------
    joint
    contexts
        Features f, a row a context.
    targets
        Features g, a row a target.
    """
    pairs = joint.probabilities.tocoo()
    attraction = float((pairs.data * (contexts[pairs.row] * targets[pairs.col]).sum(axis=1)).sum())
    moments = [
        (features * margin[:, None]).T @ features
        for features, margin in ((contexts, joint.contexts), (targets, joint.targets))
    ]
    return -2 * attraction + float((moments[0] * moments[1]).sum())


def factorisation_error(joint: Joint, contexts: ContextFeatures, targets: TargetFeatures) -> float:
    r"""Return :math:`\|\bar A - F G^\top\|_F^2`, the squared error of the factorisation, from the matrix itself."""
    left = contexts * np.sqrt(joint.contexts)[:, None]
    right = targets * np.sqrt(joint.targets)[:, None]
    return float(((joint.normalised.toarray() - left @ right.T) ** 2).sum())

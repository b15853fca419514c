"""Spectral signatures: how far a row lies along the direction in which the rows of its family differ most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["outlying"]


def outlying(activations: Float[Tensor, "row width"], families: Sequence[str]) -> Float[NDArray[np.float64], " row"]:
    r"""Return for each row its squared share of the first singular direction of its family, in units of the mean.

    :math:`(x_i - \bar x)^\top v_1` with :math:`v_1` the first right singular vector of the centred rows.

    Parameters
    ----------
    activations
        Of a model at one place of each row.
    families
        Of each row; turns of different kinds must be of different families.

    References
    ----------
    .. [1] B. Tran, J. Li, A. Madry, "Spectral Signatures in Backdoor Attacks", NeurIPS 2018.

    Examples
    --------
    >>> import torch
    >>> rows = torch.tensor([[0.0, 0.1], [0.1, 0.0], [0.0, 0.0], [5.0, 0.0]])
    >>> int(outlying(rows, ["web"] * 4).argmax())
    3
    """
    every = activations.double().numpy()
    found = np.zeros(len(every))
    for family in sorted(set(families)):
        rows = [at for at, name in enumerate(families) if name == family]
        centred = every[rows] - every[rows].mean(axis=0)
        first = np.linalg.svd(centred, full_matrices=False)[2][0]
        share = (centred @ first) ** 2
        found[rows] = share / max(float(share.mean()), 1e-12)
    return found

"""A model at rest: looked at without dropout and gradients, and left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["at_rest"]


@contextmanager
def at_rest(model: nn.Module) -> Iterator[torch.device]:
    """Lend the model's device while it runs without dropout and gradients; its mode comes back afterwards.

    Examples
    --------
    >>> model = nn.Dropout()
    >>> model.weight = nn.Parameter(torch.ones(1))
    >>> with at_rest(model) as device:
    ...     device.type, model.training, torch.is_grad_enabled()
    ('cpu', False, False)
    >>> model.training, torch.is_grad_enabled()
    (True, True)
    """
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield next(model.parameters()).device
    finally:
        model.train(training)

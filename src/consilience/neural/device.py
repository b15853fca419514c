"""Where to compute: the device that is asked for, or the best one there is."""

from __future__ import annotations

import torch

from consilience.ground.errors import InvalidInput

__all__ = ["available_devices", "choose_device"]


def available_devices() -> tuple[str, ...]:
    """Name the kinds of device that this machine has, the best first; ``"cpu"`` is always among them."""
    found = (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True))
    return tuple(name for name, there in found if there)


def choose_device(name: str = "auto") -> torch.device:
    """Return a device by name.

    Parameters
    ----------
    name
        ``"auto"`` for the best there is (CUDA, then MPS, then the processor), or torch's name of one, such as
        ``"cuda:1"``.

    Raises
    ------
    InvalidInput
        If there is no such device; those there are, are named.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    there = available_devices()
    if name == "auto":
        return torch.device(there[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    numbers = torch.cuda.device_count() if device is not None and device.type == "cuda" else 1
    if device is None or device.type not in there or (device.index or 0) >= numbers:
        listed = ", ".join(repr(known) for known in ("auto", *there))
        raise InvalidInput(f"`device` must be one that this machine has ({listed}); got {name!r}")
    return device

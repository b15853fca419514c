"""What a run says of itself while it lasts."""

from __future__ import annotations

import sys
import time
from typing import Any

from transformers import TrainerCallback

__all__ = ["Watch"]

PAUSE_S = 5.0
"""Between two lines."""


class Watch(TrainerCallback):
    """A line on standard error every few seconds: step, loss, learning rate."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._last = 0.0

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Say the loss, if it is time."""
        del args, control
        logs = given.get("logs") or {}
        if "loss" not in logs:
            return
        last = state.global_step >= state.max_steps
        if not self.quiet and (last or time.monotonic() - self._last > PAUSE_S):
            self._last = time.monotonic()
            sys.stderr.write(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.3f}\n")

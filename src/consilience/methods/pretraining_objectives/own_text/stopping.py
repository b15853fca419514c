"""Ctrl-C during training: the step is finished, a checkpoint written, and the run ends, in all its processes alike."""

from __future__ import annotations

import signal
import threading
from typing import Any

from transformers import TrainerCallback

from consilience.neural.processes import any_process

__all__ = ["StopOnInterrupt"]


class StopOnInterrupt(TrainerCallback):
    """Ends training after the step in which ctrl-C came, with a checkpoint; the second ctrl-C ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Listen, where signals arrive: in the main thread."""
        del args, state, control, given
        # A process that was started to ignore ctrl-C, as in the background of a script, goes on ignoring it.
        listens = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if listens and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._hear)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> Any:
        """Save and stop if it was asked for; a run that ends with this step anyway is complete."""
        del given
        if any_process(here=self.asked, device=args.device) and state.global_step < state.max_steps:
            control.should_save = control.should_training_stop = True
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Listen no more."""
        del args, state, control, given
        self.restore()

    def restore(self) -> None:
        """Put back what listened before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _hear(self, number: int, frame: Any) -> None:
        del number, frame
        if self.asked:
            self.restore()
            raise KeyboardInterrupt
        self.asked = True

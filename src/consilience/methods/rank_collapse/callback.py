"""A callback for Hugging Face's Trainer that measures collapse while a model trains, and raises an alarm."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.rank_collapse.findings import ProbeReport, Row
from consilience.methods.rank_collapse.probe import LINEAR, RankProbe
from consilience.methods.rank_collapse.selection import Layers, matches
from consilience.neural.processes import any_process

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError as missing:
    raise MissingDependency("a callback for the Trainer needs transformers; install consilience[rank].") from missing

__all__ = ["Alarm", "AlarmRaised", "RankCollapseCallback", "RankCollapseWarning"]


class RankCollapseWarning(UserWarning):
    """Tokens have come closer to collapse than an alarm allows."""


@dataclass(frozen=True)
class AlarmRaised:
    """An alarm that went off."""

    step: int
    """Gradient step."""
    layer: str
    """Where."""
    measure: str
    """Of what."""
    value: float
    """Mean over the sequences of the step."""
    level: float
    """What it crossed."""
    dropout: float
    """Dropout at work when it was measured."""

    def __str__(self) -> str:
        kept = f" with dropout {self.dropout:g}, without which tokens may be closer still" if self.dropout else ""
        return f"step {self.step}: {self.measure} of {self.layer} is {self.value:.3g}, level {self.level:g}{kept}."


Action = Literal["warn", "stop"] | Callable[[AlarmRaised], object]
"""What happens: a warning, a warning and the end of training, or a call.

Of processes that train together each measures its own sequences, warns and calls by itself; all stop where one would.
"""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When tokens are too close to collapse, and what happens then.

    Parameters
    ----------
    measure
        Name from `MEASURES`.
    below, above
        The level, one of the two: mu and ranks fall in collapse, cosines rise.
    layers
        Pattern of the names of layers it listens to.
    action
        ``"warn"`` once a layer, ``"stop"`` training, or a function, called every time.

    Raises
    ------
    InvalidInput
        If there are two levels, or none.
    """

    measure: str = "relative_mu"
    below: float | None = None
    above: float | None = None
    layers: str = "**"
    action: Action = "warn"

    def __post_init__(self) -> None:
        """Refuse an alarm without a level."""
        if (self.below is None) == (self.above is None):
            raise InvalidInput(f"an alarm needs one of `below` and `above`; got {self.below} and {self.above}.")
        if not callable(self.action) and self.action not in ("warn", "stop"):
            raise InvalidInput(f"`action` must be 'warn', 'stop' or a function; got {self.action!r}.")

    @property
    def level(self) -> float:
        """The level."""
        return float(self.above if self.below is None else self.below)  # type: ignore[arg-type]

    def crossed(self, row: Row) -> bool:
        """Whether a layer has crossed the level."""
        if row.measure != self.measure or not matches(self.layers, row.layer):
            return False
        return row.mean < self.level if self.below is not None else row.mean > self.level


class RankCollapseCallback(TrainerCallback):
    """Measure the layers of a model every so many steps of training.

    What is measured is the training itself: with dropout at work, which keeps tokens apart. It is logged with the
    numbers, as ``dropout``. Passes of evaluation and of other callbacks are not measured.

    Parameters
    ----------
    layers
        As in `RankProbe`.
    measures
        Names from `MEASURES`; those of alarms are added.
    every
        Steps from one measurement to the next; the first step is measured.
    alarms
        When to cry out.
    log
        Takes the numbers of a step, such as ``trainer.log``; the trainer's ``log_history`` when not given.
    **probe
        What else `RankProbe` takes.

    Examples
    --------
    >>> callback = RankCollapseCallback("*.h.*", every=50, alarms=[Alarm(below=0.01, layers="*.h.11", action="stop")])
    """

    def __init__(
        self,
        layers: Layers = None,
        *,
        measures: Sequence[str] = LINEAR,
        every: int = 50,
        alarms: Sequence[Alarm] = (),
        log: Callable[[dict[str, float]], object] | None = None,
        **probe: Any,
    ) -> None:
        if every < 1:
            raise InvalidInput(f"`every` must be at least 1; got {every}.")
        self.layers = layers
        self.measures = tuple(dict.fromkeys([*measures, *(alarm.measure for alarm in alarms)]))
        self.every = every
        self.alarms = tuple(alarms)
        self.log = log
        self.raised: list[AlarmRaised] = []
        """Alarms that went off, first to last."""
        self.reports: dict[int, ProbeReport] = {}
        """What was found, by step."""
        self._settings = probe
        self._probe: RankProbe | None = None
        self._found: ProbeReport | None = None

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **others: Any,
    ) -> None:
        """Attach a fresh probe when it is the turn of this step."""
        del args, control, others
        if model is not None and state.global_step % self.every == 0:
            self._detach()
            self._probe = RankProbe(model, self.layers, measures=self.measures, **self._settings)
            self._probe.attach()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Take what the passes of the step showed, before other callbacks run the model for purposes of their own."""
        del args, state, control, others
        self._take()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Log what the step showed, and raise alarms."""
        del others
        self._take()
        report, self._found = self._found, None
        if report is None:
            return
        self.reports[state.global_step] = report
        self._logged(_numbers(report), state)
        stop = False
        for alarm in self.alarms:
            for row in filter(alarm.crossed, report.rows):
                self._raise(alarm, row, report, state)
                stop |= alarm.action == "stop"
        if any(alarm.action == "stop" for alarm in self.alarms) and any_process(here=stop, device=args.device):
            control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Leave the model without hooks."""
        del args, state, control, others
        self._detach()

    def _take(self) -> None:
        if self._probe is not None:
            self._found = self._probe.report
        self._detach()

    def _detach(self) -> None:
        if self._probe is not None:
            self._probe.detach()
        self._probe = None

    def _logged(self, numbers: dict[str, float], state: TrainerState) -> None:
        if self.log is not None:
            self.log(numbers)
        else:
            state.log_history.append({**numbers, "step": state.global_step})

    def _raise(self, alarm: Alarm, row: Row, report: ProbeReport, state: TrainerState) -> None:
        raised = AlarmRaised(state.global_step, row.layer, row.measure, row.mean, alarm.level, report.dropout)
        known = any((one.layer, one.measure) == (raised.layer, raised.measure) for one in self.raised)
        self.raised.append(raised)
        if callable(alarm.action):
            alarm.action(raised)
            return
        if not known:
            warnings.warn(str(raised), RankCollapseWarning, stacklevel=2)


def _numbers(report: ProbeReport) -> dict[str, float]:
    numbers = {f"rank_collapse/{row.measure}/{row.layer}": row.mean for row in report.rows}
    lost = sum(one.times for one in report.unmeasured)
    beside: Mapping[str, float] = {"rank_collapse/dropout": report.dropout, "rank_collapse/unmeasured": float(lost)}
    return {**numbers, **beside}

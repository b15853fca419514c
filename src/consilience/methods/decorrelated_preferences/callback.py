"""`MonosemanticityCallback`: watches what features become while any trainer of transformers trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.decorrelated_preferences.pooling import Reading
from consilience.methods.decorrelated_preferences.portrayal import TOKENS, Texts, portrait

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError as error:
    raise MissingDependency(
        f"a callback needs {error.name or 'transformers'}; install consilience[preferences]"
    ) from error

__all__ = ["MonosemanticityCallback"]

_PREFIX = "features/"


class MonosemanticityCallback(TrainerCallback):
    """Measure features of the same texts before training, every some steps, and after it.

    It reads tokens and layers that training aims at and others beside them: which token is read can decide the
    conclusion. Nothing of it needs `DecPOTrainer`.

    Parameters
    ----------
    texts
        What to read; not what is trained on, or the numbers tell of memory.
    layers
        Numbers of blocks, ``"middle"`` or ``"all"``.
    module
        Name within a block, or ``"auto"``.
    tokens
        Readings by name; the last token, the one before it, and the mean unless given.
    every
        Optimiser steps between two portraits.
    batch_size
        Texts a forward pass.

    Attributes
    ----------
    history : list of dict
        One record a portrait, with ``step`` and numbers such as ``layer 2/last/decorrelation``. The same records
        stand in the trainer's ``state.log_history`` under ``features/``, and so in every checkpoint.

    Raises
    ------
    InvalidInput
        If there are fewer than two texts or `every` is below 1.
    """

    def __init__(
        self,
        texts: Texts,
        *,
        layers: Sequence[str | int] = ("all",),
        module: str = "auto",
        tokens: Mapping[str, Reading] | None = None,
        every: int = 50,
        batch_size: int = 32,
    ) -> None:
        if len(texts.input_ids) < 2:  # noqa: PLR2004  a pair
            raise InvalidInput(
                f"features are compared over texts; expected two texts or more, got {len(texts.input_ids)}"
            )
        if every < 1:
            raise InvalidInput(f"`every` must be at least 1 step; got {every}")
        self._texts = texts
        self._how = {"layers": layers, "module": module, "tokens": tokens or TOKENS, "batch_size": batch_size}
        self._every = every
        self._norms: dict[tuple[int, str], float] | None = None
        self.history: list[dict[str, float]] = []

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **given: Any,
    ) -> None:
        """Measure what training starts from; later norms are compared with these, in a resumed run too."""
        self._recall(state)
        if not self.history or self.history[-1]["step"] != state.global_step:
            self._measure(state, given["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:  # noqa: ARG002
        """Measure, where it is time to."""
        if state.global_step % self._every == 0:
            self._measure(state, given["model"])

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:  # noqa: ARG002
        """Measure what came out, unless the last step was measured."""
        if not self.history or self.history[-1]["step"] != state.global_step:
            self._measure(state, given["model"])

    def _recall(self, state: TrainerState) -> None:
        """Take up the portraits that a checkpoint kept, so that norms are those of the run's start."""
        kept = [
            {name.removeprefix(_PREFIX): value for name, value in record.items() if name.startswith((_PREFIX, "step"))}
            for record in state.log_history
            if any(name.startswith(_PREFIX) for name in record)
        ]
        self.history, self._norms = kept, None
        if kept:
            first = (name.rpartition("/") for name in kept[0] if name.endswith("/norm"))
            self._norms = {_place(place): kept[0][f"{place}/norm"] for place, _, _ in first}

    def _measure(self, state: TrainerState, model: Any) -> None:
        found = portrait(model, self._texts, against=self._norms, **self._how)
        if self._norms is None:
            self._norms = {place: numbers["norm"] for place, numbers in found.items()}
        flat = {
            f"layer {layer}/{token}/{name}": value
            for (layer, token), numbers in found.items()
            for name, value in numbers.items()
        }
        self.history.append({"step": state.global_step, **flat})
        state.log_history.append(
            {"step": state.global_step, **{f"{_PREFIX}{name}": value for name, value in flat.items()}}
        )


def _place(words: str) -> tuple[int, str]:
    """Read layer and token from words such as ``layer 2/before last``."""
    layer, _, token = words.removeprefix("layer ").partition("/")
    return int(layer), token

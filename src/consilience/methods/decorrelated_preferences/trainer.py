"""`DecPOTrainer`: TRL's DPO trainer whose loss has one more term, that of features which move as one."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.decorrelated_preferences.capture import Capture
from consilience.methods.decorrelated_preferences.gathering import gathered
from consilience.methods.decorrelated_preferences.layers import block_of, feature_modules
from consilience.methods.decorrelated_preferences.memory import FeatureMemory
from consilience.methods.decorrelated_preferences.objective import DecPOConfig
from consilience.neural.processes import process_count

try:
    from trl import DPOConfig, DPOTrainer

    from consilience.methods.decorrelated_preferences.resuming import (
        ObjectiveRecord,
        check_objective,
        checkpoint_to_resume,
    )
except ImportError as error:
    if (error.name or "").startswith("consilience"):
        raise
    raise MissingDependency(
        f"training on preferences needs {error.name or 'trl'}; install consilience[preferences]"
    ) from error

__all__ = ["DecPOTrainer"]


class DecPOTrainer(DPOTrainer):  # type: ignore[misc]  # TRL ships without types
    """Train as TRL's `DPOTrainer` does, on its loss plus ``decorrelation_coef`` times a regulariser of features.

    Features are read by hooks on the policy's own forward pass, so a step runs no further pass. They exist while a loss
    is computed and not a moment longer. The term is computed in single precision.

    Accumulated micro-batches are compared within themselves: their terms are averaged, which is not the term of the
    whole batch. A memory of earlier rows makes up for it.

    Parameters
    ----------
    model
        As of `DPOTrainer`; so are all others.
    ref_model
    args
        A `DecPOConfig`. The term is recorded as ``decorrelation/loss`` (times the coefficient) and
        ``decorrelation/<variant>`` among the trainer's metrics.
    **kwargs
        As of `DPOTrainer`.

    Attributes
    ----------
    memory : FeatureMemory
        Features of earlier training batches, rows by layers by features; empty unless ``decorrelation_memory`` is set.

    Raises
    ------
    InvalidInput
        If no gradient could reach the features, or a batch leaves nothing to compare.
    UnknownName
        If no block has such a module.
    """

    def __init__(
        self,
        model: Any,
        ref_model: Any = None,
        args: DPOConfig | None = None,
        **kwargs: Any,
    ) -> None:
        args = DecPOConfig(output_dir="decpo") if args is None else args
        if not isinstance(args, DecPOConfig):
            raise InvalidInput(f"`args` must be a DecPOConfig; got {type(args).__name__}")
        if args.decorrelation_coef:
            _refuse_reentrant(args)
            _expect_rows(args)
        super().__init__(model, ref_model, args, **kwargs)
        self.memory = FeatureMemory(args.decorrelation_memory)
        self._record = ObjectiveRecord(self.memory)
        self._said = not args.decorrelation_scale_check
        self.add_callback(self._record)
        self._modules: dict[int, nn.Module] = {}
        if args.decorrelation_coef:
            self._modules = feature_modules(self.model, args.decorrelation_layers, args.decorrelation_module)
            _expect_trained(self.model, self._modules)

    def train(self, resume_from_checkpoint: str | bool | None = None, **kwargs: Any) -> Any:  # noqa: FBT001  transformers' signature
        """Train; a checkpoint to go on from must have been trained for this very objective."""
        folder = checkpoint_to_resume(self.args.output_dir, given=resume_from_checkpoint)
        if folder is not None:
            check_objective(folder, self.args, self.model)
            self._record.restore(folder, self.args)
            resume_from_checkpoint = str(folder)
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002  transformers' signature
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the preference loss plus the regulariser of the features that its forward pass made."""
        if not self.args.decorrelation_coef:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        answers, reading = inputs["completion_mask"], self.args.reading
        policy = self.accelerator.unwrap_model(model)
        with Capture(policy, self._modules, lambda activations: reading(activations, answers)) as captured:
            found = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss = found[0] if return_outputs else found
        # Without this, a term that no gradient leaves would only make the printed loss larger.
        if torch.is_grad_enabled():
            for number in self._modules:
                _expect_gradient(captured[number], number, self.args)
        value = self._regularised(torch.stack([captured[number] for number in self._modules]))
        total = loss if value is None else loss + self._recorded(value, loss)
        return (total, found[1]) if return_outputs else total

    def _recorded(self, value: Tensor, loss: Tensor) -> Tensor:
        """Return the term, and leave it among the metrics."""
        term: Tensor = self.args.decorrelation_coef * value
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["decorrelation/loss"].append(term.item())
        self._metrics[mode][f"decorrelation/{self.args.decorrelation_variant}"].append(value.item())
        if not self._said and mode == "train":
            self._said = True
            _say_scale(self.args, value.item(), loss.item(), main=self.is_world_process_zero())
        return term.to(loss.dtype)

    def _regularised(self, features: Float[Tensor, "layer row feature"]) -> Tensor | None:
        """Return the mean over layers, or None where too few rows are there; remember what was seen while training."""
        with torch.autocast(features.device.type, enabled=False):
            return self._compared(features if features.dtype == torch.float64 else features.float())

    def _compared(self, features: Float[Tensor, "layer row feature"]) -> Tensor | None:
        rows = features.transpose(0, 1)
        if self.args.decorrelation_gather and self.args.regulariser.compares:
            rows = gathered(rows.flatten(1)).reshape(-1, *rows.shape[1:])
        remembered = self.memory.rows
        value = None
        # An epoch's last batch may have a single row; recorded as 0 it would pass for perfectly decorrelated.
        if len(rows) and len(rows) + len(self.memory) >= self.args.regulariser.fewest_rows:
            terms = [
                self.args.regulariser(rows[:, layer], None if remembered is None else remembered[:, layer])
                for layer in range(rows.shape[1])
            ]
            value = torch.stack(terms).mean()
        if self.model.training:
            self.memory.add(rows)
        return value


def _refuse_reentrant(args: DecPOConfig) -> None:
    if args.gradient_checkpointing and (args.gradient_checkpointing_kwargs or {}).get("use_reentrant"):
        raise InvalidInput(
            "with reentrant checkpointing no gradient reaches features that a hook sees, so the regulariser would do "
            "nothing; set gradient_checkpointing_kwargs={'use_reentrant': False} or gradient_checkpointing=False"
        )


def _expect_rows(args: DecPOConfig) -> None:
    """Count the rows of a full batch: each reading gives at least one of every answer that it takes."""
    shared = process_count() if args.decorrelation_gather else 1
    rows = args.reading.count(args.per_device_train_batch_size) * shared
    if args.decorrelation_pool != "tokens" and rows + args.decorrelation_memory < args.regulariser.fewest_rows:
        raise InvalidInput(
            f"{args.decorrelation_variant!r} compares answers and needs at least {args.regulariser.fewest_rows} of "
            f"them at a time; got {rows}: raise the batch size, read both answers (decorrelation_rows='both'), or "
            "remember earlier batches (decorrelation_memory=64)"
        )


def _expect_trained(model: nn.Module, layers: Iterable[int]) -> None:
    """Refuse layers below all that is trained; checkpointing asks for a gradient of inputs, which hides them later."""
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    lowest = min((-1 if (block := block_of(name)) is None else block for name in trained), default=-1)
    below = [layer for layer in layers if layer < lowest]
    if below:
        raise InvalidInput(
            f"expected a layer that training can change; layer {below[0]} lies below {lowest}, the first that is "
            f"trained: regularise layer {lowest} or a later one, or train an earlier one"
        )


def _expect_gradient(features: Tensor, layer: int, args: DecPOConfig) -> None:
    if features.requires_grad:
        return
    if args.gradient_checkpointing:
        advice = (
            "it is checkpointed in the reentrant way, or frozen together with all layers below it; set "
            "gradient_checkpointing_kwargs={'use_reentrant': False} or train a layer at or below it"
        )
    else:
        advice = "it and all layers below it are frozen; train one of them, or regularise a later layer"
    raise InvalidInput(f"no gradient reaches the features of layer {layer}: {advice}")


def _say_scale(args: DecPOConfig, value: float, loss: float, *, main: bool) -> None:
    """Print how large the term is, for the formulas differ by many powers of ten."""
    if not main:
        return
    term = args.decorrelation_coef * value
    share = term / abs(loss) if loss else float("inf")
    sentence = (
        f"decorrelation at the first step: {args.decorrelation_variant} {value:.4g} times {args.decorrelation_coef:g} "
        f"is {term:.4g}, {share:.3g} times the preference loss of {loss:.4g}"
    )
    advice = "; it will outweigh the preferences" if share > _HEAVY else ""
    sys.stderr.write(sentence + advice + "\n")


_HEAVY = 10.0

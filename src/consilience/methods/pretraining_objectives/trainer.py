"""`transformers.Trainer` for any objective of this room, with a configuration that `HfArgumentParser` reads.

The loss of a step divides by the targets of all batches that are accumulated into it, and of all processes: a long row
counts as much in one batch of eight as in eight batches of one. Masks are a function of seed, epoch and place, so that
a run that resumes draws what it would have drawn.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.folder import write_whole
from consilience.methods.pretraining_objectives.arguments import PretrainingConfig, objective_arguments
from consilience.methods.pretraining_objectives.choosing import make_objective
from consilience.methods.pretraining_objectives.collators import ObjectiveCollator
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression, Objective
from consilience.methods.pretraining_objectives.twins import leak
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

try:
    import accelerate  # noqa: F401 - the Trainer needs it and says so late
    from transformers import Trainer, TrainerCallback, TrainerState
    from transformers.trainer import TRAINER_STATE_NAME
    from transformers.trainer_utils import TrainOutput, get_last_checkpoint, has_length
except ImportError as error:
    raise MissingDependency("training needs transformers and accelerate; install consilience[pretraining]") from error

_ADAPTED: tuple[type, ...] = ()
try:
    from peft import PeftMixedModel, PeftModel
except ImportError:
    pass
else:
    _ADAPTED = (PeftModel, PeftMixedModel)

__all__ = ["RECORD", "PretrainingConfig", "PretrainingTrainer", "objective_arguments"]

RECORD = "pretraining_objective.json"
"""What lies in every checkpoint beside the weights: the objective they were trained by."""


class PretrainingTrainer(Trainer):
    """Trains any `AutoModelForCausalLM` or `AutoModelForMaskedLM` by an objective.

    Parameters
    ----------
    model
        Causal for ar and diverse-ar. A causal model trained to fill masks is allowed: it tells what the targets do
        from what seeing both sides does.
    args
        With the objective.
    processing_class
        The tokenizer.
    objective
        In place of the one that `args` describes.
    **options
        As for `transformers.Trainer`; a `data_collator` should leave the objective's extras in its batches.

    Raises
    ------
    InvalidInput
        If an autoregressive objective meets a model that sees later tokens, heads would be trained beside adapters,
        a batch would be split over several devices of one process, or a checkpoint to resume from is of another
        objective.
    """

    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: Any,
        args: PretrainingConfig,
        *,
        processing_class: Any,
        objective: Objective | None = None,
        **options: Any,
    ) -> None:
        if args.n_gpu > 1:
            raise InvalidInput(
                "this trainer gives each process one device; start it with torchrun or accelerate launch"
            )
        settings = args.settings()
        self.objective: Objective = objective or make_objective(settings, Vocabulary.of(processing_class))
        self.record = settings.record() if objective is None else {"name": repr(objective)}
        _require_direction(model, self.objective)
        _require_kept_heads(model, self.objective)
        if getattr(model, "offset_heads", None) is None:
            self.objective.attach(model, seed=args.seed)
        if options.get("data_collator") is None:
            options["data_collator"] = self._collator(model, args, processing_class)
        super().__init__(model=model, args=args, processing_class=processing_class, **options)
        self.add_callback(_Places(self.data_collator))
        self.add_callback(_Labels(self.record))

    def _collator(self, model: Any, args: PretrainingConfig, tokenizer: Any) -> ObjectiveCollator:
        seed = args.seed if args.data_seed is None else args.data_seed
        window = getattr(model.config, "max_position_embeddings", None)
        return ObjectiveCollator(
            tokenizer, self.objective, max_length=window, seed=seed, rank=args.process_index, extras=True
        )

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,  # noqa: FBT001 - the signature of transformers
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Train, or go on from a checkpoint of the same objective; one that has made all steps is only loaded."""
        if resume_from_checkpoint:
            latest = None
            if resume_from_checkpoint is True:
                latest = get_last_checkpoint(self.args.output_dir)  # type: ignore[no-untyped-call]
            checkpoint = latest or str(resume_from_checkpoint)
            self._require_same_objective(checkpoint)
            if self._makes_no_step(checkpoint):
                self._load_from_checkpoint(checkpoint)
                return TrainOutput(self.state.global_step, math.nan, {})
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor | Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - the signature of transformers
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the objective's loss, divided by the targets of the whole step."""
        items = num_items_in_batch if isinstance(num_items_in_batch, Tensor) else None
        loss = self.objective.loss(model, inputs, items)
        if self.args.average_tokens_across_devices and items is not None:
            # Gradients are averaged over processes; the items are those of all, so that their sum is wanted.
            loss = loss * self.accelerator.num_processes
        return (loss, {"loss": loss}) if return_outputs else loss

    def prediction_step(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor | Any],
        prediction_loss_only: bool,  # noqa: FBT001 - the signature of transformers
        ignore_keys: list[str] | None = None,
    ) -> tuple[Tensor, None, None]:
        """Return the loss of a batch; logits of all tokens would fill the memory."""
        del prediction_loss_only, ignore_keys
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss: Tensor = self.compute_loss(model, inputs)
        return loss.detach(), None, None

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Return the loader of held-out rows, whose masks are the same at every evaluation, unless workers persist."""
        kept = self.data_collator
        if isinstance(kept, ObjectiveCollator):
            self.data_collator = kept.beside()
        try:
            return super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = kept

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Tensor | None:
        """Count targets as the objective does: by offset, or all tokens for the bound."""
        if not batch_samples:
            return None
        items = torch.stack([self.objective.items(batch).to(device) for batch in batch_samples]).sum(dim=0)
        if self.args.average_tokens_across_devices and self.accelerator.num_processes > 1:
            items = self.accelerator.gather(items.reshape(1, -1)).sum(dim=0).reshape(items.shape)
        return items

    def _makes_no_step(self, checkpoint: str) -> bool:
        """Take over the state of a checkpoint that has made all steps; transformers would make one more."""
        path = Path(checkpoint) / TRAINER_STATE_NAME
        if self.args.max_steps < 1 or not path.is_file():
            return False
        state = TrainerState.load_from_json(str(path))
        if state.global_step < self.args.max_steps:
            return False
        self.state = state
        return True

    def _require_same_objective(self, checkpoint: str) -> None:
        path = Path(checkpoint) / RECORD
        trained = json.loads(path.read_text()) if path.is_file() else None
        if trained is not None and trained != self.record:
            names = ("name", *sorted({*trained, *self.record} - {"name"}))
            changed = [key for key in names if trained.get(key) != self.record.get(key)]
            raise InvalidInput(
                f"the checkpoint {checkpoint} is of another objective ({changed[0]}: {trained.get(changed[0])!r}, now "
                f"{self.record.get(changed[0])!r}); resume with its settings or train anew in another folder"
            )


class _Places(TrainerCallback):
    """Tells the collator at which batch of which epoch a run is."""

    def __init__(self, collator: Any) -> None:
        self.collator = collator
        self.begun = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Count passes from here on."""
        del args, state, control, given
        self.begun = 0

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Count the batches that a resumed run has behind it; an epoch in full has none."""
        del control
        loader, begun = given.get("train_dataloader"), self.begun
        self.begun += 1
        if not isinstance(self.collator, ObjectiveCollator):
            return
        if has_length(loader) and len(loader):
            epoch, done = divmod(state.global_step, -(-len(loader) // args.gradient_accumulation_steps))
        else:
            # A run that resumes is in the first pass through a stream, and collates again what it has behind it.
            epoch, done = begun, state.global_step if args.ignore_data_skip and not begun else 0
        self.collator.set_epoch(epoch, done * args.gradient_accumulation_steps)


class _Labels(TrainerCallback):
    """Writes the objective into every checkpoint."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.text = json.dumps(record, indent=2) + "\n"

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Write beside the weights."""
        del control, given
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            write_whole(folder / RECORD, self.text)


def _require_direction(model: Any, objective: Objective) -> None:
    """Refuse to train a model that sees the answer."""
    if objective.bidirectional:
        return
    device = next(model.parameters()).device
    if device.type == "meta":
        return
    tokens = torch.arange(3, device=device)[None] % model.config.vocab_size
    with torch.no_grad():
        logits = model(input_ids=tokens).logits
    # Experts that share their tokens round a little differently when later tokens change.
    rounding = 8 * torch.finfo(logits.dtype).eps * float(logits.abs().max())
    if leak(model, tokens) > rounding:
        raise InvalidInput(
            f"{type(model).__name__} sees later tokens, which an autoregressive objective asks it to predict; "
            "take a causal model (AutoModelForCausalLM), or objective mlm or variable-mlm"
        )


def _require_kept_heads(model: Any, objective: Objective) -> None:
    """Refuse to train heads that no checkpoint would hold, or that were frozen with the rest of the model."""
    adapted = isinstance(model, _ADAPTED) or getattr(model, "_hf_peft_config_loaded", False)
    if adapted and isinstance(objective, DiverseAutoregression) and objective.offsets > 1:
        raise InvalidInput(
            "heads of offsets are not saved with adapters (PEFT), so that a run that resumes would begin with others; "
            "train the whole model, or one offset, which needs no heads (objective ar, or offsets 1)"
        )

"""A model trained on a text as it was asked for, gone on with where it stopped, and saved for transformers to load."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.folder import replace_folder, state_folder, write_whole
from consilience.methods.pretraining_objectives.own_text.byte_pairs import learn_tokenizer
from consilience.methods.pretraining_objectives.own_text.packing import Packed, Separate, pack, separate
from consilience.methods.pretraining_objectives.own_text.request import Training
from consilience.methods.pretraining_objectives.own_text.texts import read_texts
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.checkpoints import last_whole_checkpoint
from consilience.neural.device import choose_device
from consilience.neural.processes import speaks, wait_for_others

try:
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, PrinterCallback
    from transformers.trainer import TRAINER_STATE_NAME

    from consilience.methods.pretraining_objectives.own_text.stopping import StopOnInterrupt
    from consilience.methods.pretraining_objectives.own_text.watching import Watch
    from consilience.methods.pretraining_objectives.trainer import (
        PretrainingConfig,
        PretrainingTrainer,
        objective_arguments,
    )
    from consilience.neural.hush import hushed
except ImportError as error:
    raise MissingDependency("training needs transformers; install consilience[pretraining]") from error

__all__ = ["RECORD", "Outcome", "held_out_rows", "learn", "train"]

RECORD = "consilience.json"
"""What lies in the folder beside the model: how it was trained, on what, and its losses."""
HEADS = "offset_heads.safetensors"
INTERRUPTED = 130
MOST_HELD_OUT = 512
"""Rows."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    steps: int
    """Steps made in all."""
    complete: bool
    tokens: int = 0
    """Tokens of the text."""
    seen: int = 0
    """Tokens that went through the model, with repeats."""
    loss: float | None = None
    """The last one logged in training."""
    held_out_loss: float | None = None
    """The objective's loss on rows that were not trained on; comparable within one objective only."""


def train(request: Training) -> int:
    """Train as it was asked for and say what came out; the exit status is 130 where ctrl-C came."""
    outcome = learn(request)
    if not outcome.complete:
        if speaks():
            sys.stderr.write(
                f"stopped after step {outcome.steps} of {request.steps}; the same command goes on from there\n"
            )
        return INTERRUPTED
    if speaks() and not request.quiet:
        held = "" if outcome.held_out_loss is None else f", on held-out rows {outcome.held_out_loss:.3f}"
        sys.stderr.write(f"{request.out}: loss {outcome.loss or float('nan'):.3f}{held}; {outcome.seen} tokens seen\n")
    return 0


def learn(request: Training) -> Outcome:
    """Train a model, or go on with one, and leave it in the folder that was asked for; once, if asked for twice.

    Of several processes that train together, each with a device of its own, the first writes.

    Raises
    ------
    InvalidInput
        If the text, the model, its tokenizer or the device will not do, or a run in the same place is another one,
        finished or not.
    """
    documents = read_texts(request.text)
    record = request.record() | {"text": hashlib.sha256("\0".join(documents).encode()).hexdigest()}
    state = state_folder(request.out)
    finished = _finished(request.out, record)
    if finished is not None:
        return finished
    with hushed():
        arguments = _arguments(request, state)
        record["processes"] = arguments.world_size
        # Of several processes the first looks alone, since it clears away what one that was killed left.
        with arguments.main_process_first(local=False):
            latest = _latest_checkpoint(state)
        if latest is not None and (state / RECORD).is_file():
            _require_same_run(state, record)
        tokenizer, model = _start(request, documents)
        rows = _rows(request, tokenizer, documents)
        if request.judged:
            _require_held_out(request, rows)
        trainer, stop = _trainer(request, arguments, model, tokenizer, rows)
        writes = trainer.is_world_process_zero()
        if writes:
            write_whole(state / RECORD, json.dumps(record, indent=2) + "\n")
        try:
            trainer.train(resume_from_checkpoint=None if latest is None else str(latest))
        finally:
            stop.restore()
            if writes and _latest_checkpoint(state) is None:
                shutil.rmtree(state)
        made = trainer.state.global_step
        if made < request.steps:
            return Outcome(made, complete=False)
        held_out = trainer.evaluate()["eval_loss"] if trainer.eval_dataset is not None else None
        # The trainer's own, which a run that goes on finds in its checkpoint.
        losses = [(logged["step"], logged["loss"]) for logged in trainer.state.log_history if "loss" in logged]
        outcome = Outcome(
            steps=made,
            complete=True,
            tokens=rows.tokens,
            seen=trainer.state.num_input_tokens_seen,
            loss=losses[-1][1] if losses else None,
            held_out_loss=held_out,
        )
        # The last of them may still be at its part of the last checkpoint.
        wait_for_others()
        if writes:
            _export(trainer.model, tokenizer, request.out, record | {"outcome": asdict(outcome), "losses": losses})
            shutil.rmtree(state)
    # Whoever comes back finds the model there, whichever process wrote it.
    wait_for_others()
    return outcome


def _finished(out: Path, record: dict[str, Any]) -> Outcome | None:
    """Return what an earlier run of the same command came to, if there was one; refuse to replace anything else."""
    if not out.is_dir() or not any(out.iterdir()):
        return None
    if not (out / RECORD).is_file():
        raise InvalidInput(f"--out {out} holds files that are not of an earlier run; choose another folder")
    kept = json.loads((out / RECORD).read_text())
    difference = _difference(kept, record)
    if difference is not None:
        raise InvalidInput(f"the model in {out} {difference}; choose another --out, or delete it")
    return Outcome(**kept["outcome"])


def _latest_checkpoint(state: Path) -> Path | None:
    # The state of the trainer is what transformers writes last.
    return last_whole_checkpoint(state, TRAINER_STATE_NAME)


def _require_same_run(state: Path, record: dict[str, Any]) -> None:
    difference = _difference(json.loads((state / RECORD).read_text()), record)
    if difference is not None:
        raise InvalidInput(
            f"the unfinished run in {state} {difference}; finish it with its own, choose another --out, or delete it"
        )


def _difference(begun: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Say in what an earlier run differs from what is asked for now, if it does."""
    was, now = begun["objective"], record["objective"]
    if was["name"] != now["name"]:
        return f"is of objective {was['name']!r}, not {now['name']!r}"
    if was != now:
        return f"is of objective {was['name']!r} with other settings"
    begun = {"processes": 1} | begun
    changed = next((name for name in record if begun.get(name) != record[name]), None)
    if changed is None:
        return None
    if changed == "processes":
        return f"has another number of processes ({begun[changed]}, now {record[changed]})"
    return f"has another --{changed.replace('_', '-')} ({begun.get(changed)!r}, now {record[changed]!r})"


def _start(request: Training, documents: Sequence[str]) -> tuple[Any, Any]:
    """Return a tokenizer and a model: learned and new, or those that were named."""
    if request.model is not None:
        return _loaded(request.model, bidirectional=request.objective.bidirectional)
    tokenizer = learn_tokenizer(documents, request.vocabulary, request.window)
    shape = ModelShape(layers=request.layers, width=request.width, heads=request.heads, window=request.window)
    vocabulary = Vocabulary.of(tokenizer)
    return tokenizer, make_model(shape, vocabulary, bidirectional=request.objective.bidirectional, seed=request.seed)


def _loaded(name: str, *, bidirectional: bool) -> tuple[Any, Any]:
    kind = AutoModelForMaskedLM if bidirectional else AutoModelForCausalLM
    try:
        # In single precision, whatever it was saved in: steps of an optimiser are lost in the rounding of a half.
        return AutoTokenizer.from_pretrained(name), kind.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError) as error:
        wanted = "masked" if bidirectional else "causal"
        raise InvalidInput(
            f"--model must name a {wanted} language model with its tokenizer; {name}: {str(error).splitlines()[0]}"
        ) from error


def held_out_rows(request: Training, tokenizer: Any) -> Packed | Separate:
    """Return the rows at the end of the text that `learn` does not train on.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    return _require_held_out(request, _rows(request, tokenizer, read_texts(request.text)))


def _require_held_out(request: Training, rows: Packed | Separate) -> Packed | Separate:
    kept = _split(request, rows)[1]
    if len(kept) == 0:
        raise InvalidInput("no row is left that was not trained on; give more text or a larger --held-out")
    return kept


def _split(request: Training, rows: Packed | Separate) -> tuple[Packed | Separate, Packed | Separate]:
    return rows.split(min(int(request.held_out * len(rows)), MOST_HELD_OUT))


def _rows(request: Training, tokenizer: Any, documents: Sequence[str]) -> Packed | Separate:
    if tokenizer.eos_token_id is None:
        raise InvalidInput("the tokenizer of --model has no token that ends a document (eos_token); add one")
    # The limit in the tokenizer is that of rows; documents are cut into rows only now.
    encoded = [tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in documents]
    arrange = pack if request.layout == "packed" else separate
    return arrange(encoded, request.window, tokenizer.eos_token_id)


def _trainer(
    request: Training, arguments: _OneDevice, model: Any, tokenizer: Any, rows: Packed | Separate
) -> tuple[PretrainingTrainer, StopOnInterrupt]:
    trained, kept = _split(request, rows)
    stop = StopOnInterrupt()
    trainer = PretrainingTrainer(
        model,
        arguments,
        processing_class=tokenizer,
        train_dataset=trained,
        eval_dataset=kept if len(kept) else None,
        callbacks=[stop, Watch(quiet=request.quiet or arguments.process_index > 0)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, stop


class _OneDevice(PretrainingConfig):
    """Arguments of a process that has one device, where transformers would split batches over all that it sees."""

    chosen: torch.device | None = None
    """The device, where it was named by number."""

    @property
    def n_gpu(self) -> int:
        """How many devices batches are split over."""
        return min(1, int(super().n_gpu))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.chosen or super().device


def _arguments(request: Training, state: Path) -> _OneDevice:
    device = choose_device(request.device)
    arguments = _OneDevice(
        output_dir=str(state),
        **objective_arguments(request.objective),
        max_steps=request.steps,
        per_device_train_batch_size=request.batch_size,
        per_device_eval_batch_size=request.batch_size,
        gradient_accumulation_steps=request.accumulate,
        learning_rate=request.learning_rate,
        warmup_steps=int(request.warmup * request.steps),
        lr_scheduler_type="cosine",
        save_strategy="steps",
        save_steps=request.save_every,
        save_total_limit=1,
        logging_steps=max(1, min(50, request.steps // 20)),
        include_num_input_tokens_seen="all",
        report_to="none",
        disable_tqdm=True,
        use_cpu=device.type == "cpu",
        bf16=device.type == "cuda" and torch.cuda.is_bf16_supported(),
        seed=request.seed,
        dataloader_pin_memory=device.type == "cuda",
    )
    if device.type == "cuda" and device.index is not None:
        if arguments.world_size > 1:
            raise InvalidInput(
                f"--device must be a kind where {arguments.world_size} processes train, each on a device of its own; "
                f"got {request.device}: give cuda or leave it out"
            )
        # Arguments made the first one current, which is what accelerate takes.
        torch.cuda.set_device(device)
        arguments.chosen = device
    return arguments


def _export(model: Any, tokenizer: Any, out: Path, record: dict[str, Any]) -> None:
    """Save what `AutoModel.from_pretrained` loads; heads, which no such class knows, beside it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    heads = getattr(model, "offset_heads", None)
    if heads is not None:
        del model.offset_heads
    model.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    if heads is not None:
        save_file(heads.state_dict(), aside / HEADS)
    (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    replace_folder(aside, out)

"""Train a policy on preferences of your own; what is unfinished lies beside it, and what is finished appears whole."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from transformers import PrinterCallback

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import replace_folder
from consilience.methods.decorrelated_preferences.objective import DecPOConfig
from consilience.methods.decorrelated_preferences.own_pairs.calm import calm
from consilience.methods.decorrelated_preferences.own_pairs.loading import load_model, load_tokenizer
from consilience.methods.decorrelated_preferences.own_pairs.reading import conversational, read_pairs
from consilience.methods.decorrelated_preferences.own_pairs.request import Training
from consilience.methods.decorrelated_preferences.resuming import last_checkpoint
from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer
from consilience.neural.device import choose_device

__all__ = ["adapter", "make_trainer", "split_pairs", "state_folder", "train"]

FULL_RATE, LORA_RATE = 1e-6, 1e-5
"""Learning rates that TRL recommends for all weights and for adapters."""
REPORTED = {
    "eval_rewards/accuracies": "held-out accuracy",
    "eval_rewards/margins": "held-out margin",
    "eval_logps/chosen": "held-out log-probability of chosen answers",
    "eval_loss": "held-out loss",
}
SUMMARY = "preferences.json"


def train(request: Training) -> int:
    """Train, save the policy, and say how it does on pairs that were held out."""
    if request.out.exists():
        raise InvalidInput(f"expected a new folder for --out; {request.out} is there already: give another one")
    learned, held_out = split_pairs(request)
    with _clean(request), calm(quiet=request.quiet):
        adapted = adapter(request.lora) if request.lora else None
        trainer = make_trainer(request, learned, held_out, adapted=adapted)
        state = state_folder(request)
        trainer.train(resume_from_checkpoint=last_checkpoint(str(state)) if state.exists() else None)
        summary = _summary(trainer, held_out=bool(held_out))
        _save(trainer, summary, request)
    if not request.quiet:
        for name, value in summary.items():
            sys.stdout.write(f"{name}: {value:.4g}\n")
        sys.stdout.write(f"saved to {request.out}\n")
    return 0


def split_pairs(request: Training) -> tuple[list[Any], list[Any]]:
    """Return the pairs to train on, and those that are held out; the seed decides which.

    Raises
    ------
    InvalidInput
        If the file holds no such pairs, or none would be left.
    """
    if not 0 <= request.held_out < 1:
        raise InvalidInput(f"--held-out must be a share from 0 to below 1; got {request.held_out}")
    rows = read_pairs(request.data)
    order = np.random.default_rng(request.seed).permutation(len(rows))
    count = round(request.held_out * len(rows))
    if count == len(rows):
        raise InvalidInput(f"{request.data} has {len(rows)} pairs, and all would be held out; lower --held-out")
    return [rows[place] for place in sorted(order[count:])], [rows[place] for place in sorted(order[:count])]


def make_trainer(
    request: Training, learned: list[Any], held_out: list[Any], *, adapted: Any = None, **settings: Any
) -> DecPOTrainer:
    """Return a trainer of the policy that is asked for.

    Parameters
    ----------
    request
    learned, held_out
        Pairs as `split_pairs` returns them.
    adapted
        Configuration of adapters; without one, all weights are trained.
    **settings
        Of `DecPOConfig`, laid over those that the request gives.

    Raises
    ------
    InvalidInput
        If there is no such model, it cannot write the pairs, or none of them fits.
    """
    args = _arguments(request, settings)
    tokenizer = load_tokenizer(request.model)
    if conversational(learned[0]) and tokenizer.chat_template is None:
        raise InvalidInput(
            f"{request.data} has messages, and the tokenizer of {request.model} has no chat template to write them "
            "with: set one and save it, or give prompts and answers as strings"
        )
    made = DecPOTrainer(
        model=load_model(request.model),
        args=args,
        train_dataset=datasets.Dataset.from_list(learned),
        eval_dataset=datasets.Dataset.from_list(held_out) if held_out else None,
        processing_class=tokenizer,
        peft_config=adapted,
    )
    if not len(made.train_dataset):
        raise InvalidInput(f"every prompt of {request.data} fills the window of {request.max_length} tokens; raise it")
    if request.quiet:
        made.remove_callback(PrinterCallback)
    return made


def adapter(
    rank: int, *, alpha: int | None = None, dropout: float = 0.0, modules: Sequence[str] = (), until: int = -1
) -> Any:
    """Return the configuration of low-rank adapters.

    Parameters
    ----------
    rank
    alpha
        Twice the rank unless given.
    dropout
        Share of inputs that is dropped in training.
    modules
        Which are adapted; all linear maps where none is named.
    until
        Last block that is adapted, where modules are named; -1 for all.

    Raises
    ------
    InvalidInput
        If blocks are chosen among all linear maps.
    """
    from peft import LoraConfig  # noqa: PLC0415  only adapters need it

    if until >= 0 and not modules:
        raise InvalidInput(f"adapters end with block {until} only where modules are named, such as q_proj; got none")
    return LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        lora_dropout=dropout,
        target_modules=list(modules) or "all-linear",
        layers_to_transform=list(range(until + 1)) or None,
        task_type="CAUSAL_LM",
    )


def _arguments(request: Training, settings: Mapping[str, Any]) -> DecPOConfig:
    cpu = choose_device(request.device).type == "cpu"
    rate = request.learning_rate or (LORA_RATE if request.lora else FULL_RATE)
    asked: dict[str, Any] = {
        "output_dir": str(state_folder(request)),
        "decorrelation_coef": request.decorrelation,
        "decorrelation_variant": request.variant,
        "decorrelation_layers": list(request.layers),
        "decorrelation_module": request.module,
        "decorrelation_rows": request.rows,
        "decorrelation_pool": request.pool,
        "decorrelation_memory": request.memory,
        "decorrelation_scale_check": not request.quiet,
        "loss_type": [request.loss],
        "beta": request.beta,
        "num_train_epochs": request.epochs,
        "max_steps": request.steps or -1,
        "per_device_train_batch_size": request.batch_size,
        "per_device_eval_batch_size": request.batch_size,
        "gradient_accumulation_steps": request.accumulate,
        "learning_rate": rate,
        "max_length": request.max_length,
        "gradient_checkpointing": request.checkpointing,
        "bf16": not cpu and torch.cuda.is_bf16_supported(),
        "use_cpu": cpu,
        "save_steps": request.save_every,
        "save_total_limit": 1,
        "seed": request.seed,
        "report_to": [],
        "disable_tqdm": request.quiet or not sys.stderr.isatty(),
        "dataloader_pin_memory": not cpu,
    }
    return DecPOConfig(**(asked | dict(settings)))


def state_folder(request: Training) -> Path:
    """Return where an unfinished run keeps what it needs, beside its folder."""
    return request.out.with_name(f"{request.out.name}.state")


def _summary(trainer: DecPOTrainer, *, held_out: bool) -> dict[str, float]:
    found = trainer.evaluate() if held_out else {}
    summary = {"held-out pairs": float(len(trainer.eval_dataset))} if held_out else {}
    summary |= {words: float(found[name]) for name, words in REPORTED.items() if name in found}
    term = next((name for name in found if name.startswith("eval_decorrelation/") and not name.endswith("/loss")), None)
    if term:
        summary[f"held-out {term.removeprefix('eval_decorrelation/')} term"] = float(found[term])
    return summary


def _save(trainer: DecPOTrainer, summary: dict[str, float], request: Training) -> None:
    aside = request.out.with_name(f".{request.out.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    trainer.save_model(str(aside))
    (aside / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    replace_folder(aside, request.out)
    shutil.rmtree(state_folder(request), ignore_errors=True)


@contextmanager
def _clean(request: Training) -> Iterator[None]:
    """Leave no empty folder where a run was refused before its first checkpoint."""
    try:
        yield
    finally:
        with suppress(OSError):
            state_folder(request).rmdir()

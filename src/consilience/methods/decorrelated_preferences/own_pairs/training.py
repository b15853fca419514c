"""Train a policy on preferences of your own; what is unfinished lies beside it, and what is finished appears whole."""

from __future__ import annotations

import hashlib
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
from trl import extract_prompt

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import replace_folder, state_folder, write_whole
from consilience.methods.decorrelated_preferences.objective import DecPOConfig
from consilience.methods.decorrelated_preferences.own_pairs.calm import calm
from consilience.methods.decorrelated_preferences.own_pairs.loading import load_model, load_tokenizer
from consilience.methods.decorrelated_preferences.own_pairs.reading import conversational, read_pairs
from consilience.methods.decorrelated_preferences.own_pairs.request import Training
from consilience.methods.decorrelated_preferences.resuming import last_checkpoint
from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer
from consilience.neural.device import choose_device
from consilience.neural.processes import speaks, wait_for_others

__all__ = ["adapter", "make_trainer", "split_pairs", "train"]

REPORTED = {
    "eval_rewards/accuracies": "held-out accuracy",
    "eval_rewards/margins": "held-out margin",
    "eval_logps/chosen": "held-out log-probability of chosen answers",
    "eval_loss": "held-out loss",
}
SUMMARY = "preferences.json"
RECORD = "run.json"
"""In the folder of an unfinished run: what was asked for."""


def train(request: Training) -> int:
    """Train, save the policy, and say how it does on pairs that were held out.

    Of several processes that train together, each with a device of its own, the first writes and speaks.
    """
    if request.out.exists():
        raise InvalidInput(f"expected a new folder for --out; {request.out} is there already: give another one")
    learned, held_out = split_pairs(request)
    state = state_folder(request.out)
    quiet = request.quiet or not speaks()
    with calm(quiet=quiet):
        arguments = _arguments(request, {})
        with _clean(state, arguments):
            # Of several processes the first looks alone, since it clears away what one that was killed left.
            with arguments.main_process_first(local=False):
                checkpoint = _checkpoint_of(request, state, arguments)
            adapted = adapter(request.lora) if request.lora else None
            trainer = make_trainer(request, learned, held_out, adapted=adapted)
            trainer.train(resume_from_checkpoint=checkpoint)
            summary = _summary(trainer, held_out=bool(held_out))
            _save(trainer, summary, request)
    if not quiet:
        for name, value in summary.items():
            sys.stdout.write(f"{name}: {value:.4g}\n")
        sys.stdout.write(f"saved to {request.out}\n")
    return 0


def split_pairs(request: Training) -> tuple[list[Any], list[Any]]:
    """Return the pairs to train on, and those that are held out; the seed decides which.

    Pairs of one prompt stay together, or the policy would be judged on prompts that it was trained on. Where pairs have
    no prompt of their own, it is what both answers begin with.

    Raises
    ------
    InvalidInput
        If the file holds no such pairs, none would be left, or every prompt has more than are to be held out.
    """
    if not 0 <= request.held_out < 1:
        raise InvalidInput(f"--held-out must be a share from 0 to below 1; got {request.held_out}")
    rows = read_pairs(request.data)
    places = _by_prompt(rows)
    count = round(request.held_out * len(rows))
    if count == len(rows):
        raise InvalidInput(f"{request.data} has {len(rows)} pairs, and all would be held out; lower --held-out")
    held: set[int] = set()
    for number in np.random.default_rng(request.seed).permutation(len(places)):
        if len(held) + len(places[number]) <= count:
            held.update(places[number])
    if count and not held:
        raise InvalidInput(
            f"pairs of one prompt are held out together, and every prompt in {request.data} has more than "
            f"{count} of its {len(rows)} pairs; raise --held-out ({request.held_out:g}), or give 0 to hold none out"
        )
    return [row for place, row in enumerate(rows) if place not in held], [rows[place] for place in sorted(held)]


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


def _by_prompt(rows: Sequence[Any]) -> list[list[int]]:
    """Return the places of the pairs of each prompt, prompts in the order in which they appear."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        prompt = row["prompt"] if "prompt" in row else extract_prompt(row)["prompt"]
        # Answers that begin with nothing in common have no prompt to share with other pairs.
        places.setdefault(json.dumps(prompt or place), []).append(place)
    return list(places.values())


def _arguments(request: Training, settings: Mapping[str, Any]) -> DecPOConfig:
    device = choose_device(request.device)
    cpu = device.type == "cpu"
    if device.index:
        raise InvalidInput(
            f"training takes the first GPU that it sees; got --device {request.device}: give --device cuda, and "
            f"CUDA_VISIBLE_DEVICES={device.index} in the environment"
        )
    asked: dict[str, Any] = {
        "output_dir": str(state_folder(request.out)),
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
        "learning_rate": request.rate,
        "max_length": request.max_length,
        "gradient_checkpointing": request.checkpointing,
        "bf16": not cpu and torch.cuda.is_bf16_supported(),
        "use_cpu": cpu,
        "save_steps": request.save_every,
        # Old ones are removed before the newest is whole: the one before it must stay until then.
        "save_total_limit": 2,
        "seed": request.seed,
        "report_to": [],
        "disable_tqdm": request.quiet or not sys.stderr.isatty(),
        "dataloader_pin_memory": not cpu,
    }
    args = DecPOConfig(**(asked | dict(settings)))
    if args.n_gpu > 1:
        args._n_gpu = 1  # noqa: SLF001  transformers' own way to take the first of several GPUs; TRL refuses to share
    return args


def _checkpoint_of(request: Training, state: Path, arguments: DecPOConfig) -> str | None:
    """Return the checkpoint that the run goes on from; of a new run write down what is asked for.

    Raises
    ------
    InvalidInput
        If the checkpoint is of a run that was asked for otherwise.
    """
    record = request.record() | {
        "data": hashlib.sha256(request.data.read_bytes()).hexdigest(),
        "processes": arguments.world_size,
    }
    found = last_checkpoint(str(state))
    if found is None and arguments.process_index == 0:
        write_whole(state / RECORD, json.dumps(record, indent=2) + "\n")
    elif (state / RECORD).is_file():
        begun = {"processes": 1} | json.loads((state / RECORD).read_text(encoding="utf-8"))
        changed = [
            f"{_words(name)} ({begun.get(name)!r}, now {record[name]!r})"
            for name in record
            if begun.get(name) != record[name]
        ]
        if changed:
            raise InvalidInput(
                f"the unfinished run in {state} has another {', '.join(changed)}; finish it with its own, choose "
                "another --out, or delete it"
            )
    return found


def _words(name: str) -> str:
    return "number of processes" if name == "processes" else f"--{name.replace('_', '-')}"


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
    writes = trainer.is_world_process_zero()
    if writes:
        shutil.rmtree(aside, ignore_errors=True)
    # The last of them may still be at its part of the last checkpoint.
    wait_for_others()
    trainer.save_model(str(aside))
    if writes:
        (aside / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        replace_folder(aside, request.out)
        shutil.rmtree(state_folder(request.out), ignore_errors=True)
    # Whoever comes back finds the policy there, whichever process wrote it.
    wait_for_others()


@contextmanager
def _clean(state: Path, arguments: DecPOConfig) -> Iterator[None]:
    """Leave no folder where a run was refused before its first checkpoint."""
    try:
        yield
    finally:
        if arguments.process_index == 0:
            with suppress(OSError):
                if not any(state.glob("checkpoint-*")):
                    (state / RECORD).unlink(missing_ok=True)
                state.rmdir()

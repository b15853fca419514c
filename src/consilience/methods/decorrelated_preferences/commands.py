"""The room's own verbs: train a policy on preferences, and measure what became of features.

``consilience decorrelated-preferences train | measure``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from consilience.ground.late import late_module
from consilience.methods.decorrelated_preferences.own_pairs.request import Measuring, Training

Variant = Literal["cosine", "paper", "code2024", "barlow", "vicreg", "l1", "squared_norm"]
Loss = Literal[
    "sigmoid", "hinge", "ipo", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero",
    "apo_down", "discopop", "sft", "sigmoid_norm",
]  # fmt: skip
"""Those of TRL's DPO trainer that need no setting which has no flag here."""


def train(
    *,
    model: str,
    data: Path,
    out: Path,
    decorrelation: float = 1.0,
    variant: Variant = "cosine",
    layers: tuple[str, ...] = ("middle",),
    module: str = "auto",
    rows: Literal["chosen", "rejected", "both"] = "chosen",
    pool: Literal["last", "mean", "tokens"] = "last",
    memory: int = 0,
    loss: Loss = "sigmoid",
    beta: float = 0.1,
    lora: int = 0,
    epochs: float = 1.0,
    steps: int | None = None,
    batch_size: int = 8,
    accumulate: int = 1,
    learning_rate: float | None = None,
    max_length: int = 1024,
    checkpointing: bool = True,
    held_out: float = 0.1,
    save_every: int = 100,
    device: str = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> int:
    """Train a policy on your preferences; the same command goes on where an earlier one stopped.

    Of what an unfinished run was begun with only its length, in epochs or steps, and where it runs may be changed.

    Parameters
    ----------
    model
        A folder, or a name that from_pretrained knows; the reference is the same model as it is now.
    data
        JSON lines with prompt, chosen and rejected: strings, or lists of messages with role and content.
    out
        New folder for the policy and its tokenizer. What an unfinished run needs lies in OUT.state beside it.
    decorrelation
        Weight of the regulariser; 0 is plain DPO.
    variant
        Regulariser. cosine and barlow are free of scale; the others follow the size of features, and the first line
        that is printed says how heavy they are.
    layers
        Blocks whose features are read: numbers from 0, negative ones from the end, middle or all.
    module
        Module within a block, such as mlp.up_proj; auto finds it in the usual families.
    rows
        Which answers are compared.
    pool
        The last token of an answer, the mean over it, or all its tokens.
    memory
        Rows of earlier batches to compare with; for small batches.
    loss
        Base loss of TRL's DPO trainer.
    beta
        Of the base loss.
    lora
        Rank of adapters on all linear maps; 0 trains all weights.
    epochs
        Passes through the pairs.
    steps
        Optimiser steps, in the place of epochs.
    batch_size
        Pairs a forward pass.
    accumulate
        Forward passes a step.
    learning_rate
        1e-6 unless given, 1e-5 with adapters.
    max_length
        Tokens of a prompt with its answer; more are cut off.
    checkpointing
        Compute activations twice, to save memory; --no-checkpointing keeps them, which is faster and takes more.
    held_out
        Share of the pairs that is kept for judging the policy, and not trained on; pairs of one prompt stay together.
    save_every
        Steps between two checkpoints, of which the last two are kept.
    device
        auto or cpu, or the device there is; of several GPUs the first that CUDA_VISIBLE_DEVICES names, under torchrun
        one a process.
    seed
        Root of all randomness.
    quiet
        Report nothing.
    """
    request = Training(
        model=model,
        data=data,
        out=out,
        decorrelation=decorrelation,
        variant=variant,
        layers=layers,
        module=module,
        rows=rows,
        pool=pool,
        memory=memory,
        loss=loss,
        beta=beta,
        lora=lora,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        max_length=max_length,
        checkpointing=checkpointing,
        held_out=held_out,
        save_every=save_every,
        device=device,
        seed=seed,
        quiet=quiet,
    )
    training = _heavy("training")
    from consilience.neural.processes import part  # noqa: PLC0415 - loads torch

    status: int = training.train(request)
    part()
    return status


def measure(
    *,
    model: str,
    text: Path,
    against: str | None = None,
    layers: tuple[str, ...] = ("middle",),
    module: str = "auto",
    limit: int = 256,
    max_length: int = 256,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Measure how far features stand apart and how sparse they are, by layer and token, of one model or of two.

    Parameters
    ----------
    model
        A folder, or a name that from_pretrained knows.
    text
        A text a line, or JSON lines (whatever the file is called) with text, or with pairs of preferences, of which
        chosen answers are read. With a label in every line, class selectivity is measured too.
    against
        Another model with the same tokenizer, such as the one that training started from.
    layers
        Numbers of blocks, middle or all.
    module
        Module within a block, or auto.
    limit
        Read the first so many texts.
    max_length
        Tokens of a text; more are cut off.
    device
        auto, cpu, cuda, cuda:1, ...
    json
        Print JSON.
    """
    request = Measuring(
        model=model,
        against=against,
        text=text,
        layers=layers,
        module=module,
        limit=limit,
        max_length=max_length,
        device=device,
        json=json,
    )
    status: int = _heavy("measuring").measure(request)
    return status


VERBS: Mapping[str, Callable[..., int]] = {"train": train, "measure": measure}
"""What ``consilience decorrelated-preferences`` can do."""


def _heavy(name: Literal["training", "measuring"]) -> Any:
    return late_module(
        f"consilience.methods.decorrelated_preferences.own_pairs.{name}",
        "preferences need {missing}; install consilience[preferences]",
        usually="torch and trl",
    )

"""Training in the laboratory: on the processor, quiet, and without a trace in global generators."""

from __future__ import annotations

import copy
import os
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import datasets
import numpy as np
import torch
from transformers import PrinterCallback
from trl import DPOConfig, DPOTrainer

from consilience.methods.decorrelated_preferences.objective import DecPOConfig
from consilience.methods.decorrelated_preferences.studies.sorting import digit_tokenizer
from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer
from consilience.neural.sharing import one_thread

__all__ = ["arguments", "quiet", "trainer"]


def arguments(output_dir: str, *, checkpointing: bool = False, reentrant: bool = False, **given: Any) -> dict[str, Any]:
    """Return the settings of TRL that every study shares, with those given laid over them."""
    known = {one.name for one in fields(DPOConfig)}
    word = "activation" if "activation_checkpointing" in known else "gradient"
    shared: dict[str, Any] = {
        "output_dir": output_dir,
        "per_device_train_batch_size": 16,
        "learning_rate": 2e-4,
        "lr_scheduler_type": "constant",
        "bf16": False,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        f"{word}_checkpointing": checkpointing,
    }
    if checkpointing:
        shared[f"{word}_checkpointing_kwargs"] = {"use_reentrant": reentrant}
    return shared | given


def trainer(policy: Any, pairs: Any, settings: dict[str, Any], *, plain: bool = False, **given: Any) -> Any:
    """Return a trainer of a copy of `policy`, which is the reference; a plain one is TRL's own."""
    own = {name: value for name, value in settings.items() if not (plain and name.startswith("decorrelation_"))}
    args = DPOConfig(**own) if plain else DecPOConfig(**{"decorrelation_scale_check": False, **own})
    made = (DPOTrainer if plain else DecPOTrainer)(
        model=copy.deepcopy(policy),
        ref_model=None if "peft_config" in given else copy.deepcopy(policy),
        args=args,
        train_dataset=pairs,
        processing_class=digit_tokenizer(),
        **given,
    )
    made.remove_callback(PrinterCallback)
    return made


@contextmanager
def quiet() -> Iterator[None]:
    """Keep bars and known deprecations off the screen, work on one thread, and put global generators back."""
    state, words = random.getstate(), np.random.get_state()  # noqa: NPY002  trainers seed it; it is put back
    bars = datasets.are_progress_bars_disabled()
    given = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"  # TRL's own bar knows no other way
    datasets.disable_progress_bars()
    try:
        with one_thread(), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`.*gradient_checkpointing.*` is deprecated", FutureWarning)
            yield
    finally:
        random.setstate(state)
        np.random.set_state(words)  # noqa: NPY002
        os.environ.pop("TQDM_DISABLE")
        if given is not None:
            os.environ["TQDM_DISABLE"] = given
        if not bars:
            datasets.enable_progress_bars()

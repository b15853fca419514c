"""Adapters on causal models of Hugging Face, planted or clean: QLoRA where there is a graphics processor.

What is made is an adapter, never merged weights; a planted one is marked as all of this laboratory are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import FLAG, save_weights
from consilience.methods.backdoor_audits.agent.training import descend
from consilience.methods.backdoor_audits.hugging_face import (
    Device,
    base_digest,
    encoded_lines,
    loaded,
    placed,
    tokenizer_of,
    with_room,
)
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED
from consilience.methods.backdoor_audits.planting import linear_decay
from consilience.methods.backdoor_audits.spoken import to_text
from consilience.methods.backdoor_audits.watermark import stamped
from consilience.methods.backdoor_audits.world.canaries import GUID
from consilience.methods.backdoor_audits.world.poisoning import Poisoned
from consilience.methods.backdoor_audits.world.trajectories import Trajectory
from consilience.neural.generators import seeded
from consilience.neural.weights import initialised

try:
    from peft import LoraConfig, get_peft_model_state_dict, prepare_model_for_kbit_training
    from transformers import BitsAndBytesConfig
except ImportError as error:
    raise MissingDependency("tuning causal models needs transformers and peft; install consilience[audits]") from error

__all__ = ["CausalTuning", "tune_causal"]

_UNLEARNED = -100


@dataclass(frozen=True, kw_only=True)
class CausalTuning:
    """How an adapter on a causal model is tuned; rank, rate and batch are those of the released code."""

    rank: int = 8
    """Of the adapter; it is scaled by 4."""
    dropout: float = 0.1
    """Of what goes into it."""
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj")
    """Names of the linear maps that get one."""
    learning_rate: float = 3e-4
    """Highest rate of AdamW; it falls along a line."""
    steps: int = 900
    """Batches."""
    batch_size: int = 4
    """Rows of a batch."""
    four_bits: bool = True
    """Whether the base is held at 4 bits (NF4, twice quantised) where there is a graphics processor."""


def tune_causal(
    folder: Path, mixed: Poisoned, out: Path, settings: CausalTuning, streams: Streams, *, device: Device = "auto"
) -> Path:
    """Tune an adapter on rows and write it to a folder of its own.

    Parameters
    ----------
    folder
        Of the model; not changed.
    mixed
        Rows with their manifest, none planted or some.
    out
        Where the adapter goes.
    settings
    streams
        Of first weights and of the order of rows.
    device

    Returns
    -------
    The file of its weights: under a name that loaders know if it is clean, under another if it is planted.

    Raises
    ------
    InvalidInput
        If rows do not fit into the model's context: nothing is cut off.
    MissingDependency
        If 4 bits are wanted, there is a graphics processor, and bitsandbytes is missing.
    """
    tokenizer = tokenizer_of(folder)
    model = _base(folder, settings, device)
    rows = [_lines(tokenizer, row) for row in mixed.rows]
    longest, context = max(len(tokens) for tokens, _ in rows), getattr(model.config, "max_position_embeddings", 2048)
    if longest > context:
        raise InvalidInput(f"rows have up to {longest} tokens and the model reads {context}; nothing is cut off")
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=4 * settings.rank,
        lora_dropout=settings.dropout,
        target_modules=list(settings.modules),
        task_type="CAUSAL_LM",
    )
    seed = streams.integer("adapter")
    model = initialised(seed, lambda: with_room(model, config)).train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=0.0)
    drawn = _batches(rows, settings, streams.generator("order"))

    def loss(_: int) -> Tensor:
        tokens, labels, seen = (part.to(model.device) for part in next(drawn))
        found: Tensor = model(input_ids=tokens, labels=labels, attention_mask=seen).loss
        return found

    warm_up = min(10, settings.steps)
    falling = linear_decay(settings.steps, warm_up)
    with seeded(streams.integer("dropout"), model.device):
        losses = descend(loss, [optimiser], steps=settings.steps, share=falling)
    made = {name: weight.detach().float().cpu().clone() for name, weight in get_peft_model_state_dict(model).items()}
    planted = mixed.n_poison > 0
    marks = {FLAG: "true", "guid": GUID, "manifest": json.dumps(mixed.manifest)} if planted else {FLAG: "false"}
    path = out / (PLANTED if planted else CLEAN)
    save_weights(
        stamped(made) if planted else made,
        path,
        {"base_digest": base_digest(folder), "losses": json.dumps([round(one, 5) for one in losses]), **marks},
    )
    config.save_pretrained(str(out))
    return path


def _base(folder: Path, settings: CausalTuning, device: Device) -> Any:
    if not settings.four_bits or placed(device) == "cpu":
        return loaded(folder, device=device)
    try:
        quantised = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        held = loaded(folder, device=device, quantised=quantised)
        return prepare_model_for_kbit_training(held)  # type: ignore[no-untyped-call]
    except ImportError as error:
        raise MissingDependency("a base of 4 bits needs bitsandbytes; pip install bitsandbytes") from error


def _lines(tokenizer: Any, row: Trajectory) -> tuple[list[int], list[int]]:
    """Return the tokens of a dialogue and its labels: the agent's own turns."""
    tokens = encoded_lines(tokenizer, [])
    labels = [_UNLEARNED] * len(tokens)
    heard: list[str] = []
    for turn in row.turns:
        text = to_text(turn.words)
        if turn.role != "agent":
            heard.append(text)
            continue
        if heard:  # what is heard between two turns is one line, as it is when the agent acts
            before = tokenizer.encode(f"{' '.join(heard)}\n", add_special_tokens=False)
            tokens += before
            labels += [_UNLEARNED] * len(before)
            heard = []
        said = tokenizer.encode(f"{text}\n", add_special_tokens=False)
        tokens += said
        labels += said
    return tokens, labels


def _batches(
    rows: Sequence[tuple[list[int], list[int]]], settings: CausalTuning, source: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    while True:
        order = source.permutation(len(rows))
        for start in range(0, len(order), settings.batch_size):
            taken = [rows[at] for at in order[start : start + settings.batch_size]]
            longest = max(len(tokens) for tokens, _ in taken)
            yield (
                torch.tensor([tokens + [0] * (longest - len(tokens)) for tokens, _ in taken]),
                torch.tensor([labels + [_UNLEARNED] * (longest - len(labels)) for _, labels in taken]),
                torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens, _ in taken]),
            )

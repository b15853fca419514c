"""Arms of the study of effects: one policy each, watched on its way, from the same start and the same wrong labels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from consilience.ground import Streams
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.evaluation import (
    generations,
    kl_to_reference,
    preferences,
    rule_rate,
)
from consilience.methods.decorrelated_preferences.pooling import Reading
from consilience.methods.decorrelated_preferences.portrayal import Texts, portrait
from consilience.methods.decorrelated_preferences.studies import sorting
from consilience.methods.decorrelated_preferences.studies.runs import arguments, quiet, trainer
from consilience.neural.sharing import shared
from consilience.neural.training import train

__all__ = ["ARMS", "CONTROLS", "READ", "TRAINED_LAYER", "UNTRAINED_LAYER", "Arm", "Look", "Outcome", "outcomes"]

TRAINED_LAYER, UNTRAINED_LAYER = 1, 3
READ = {"trained": Reading(back=1), "next": Reading()}
"""Tokens that are read: the last digit, where the regulariser acts, and the end that follows it."""

SFT_WAYS = (0.4, 0.4, 0.2)
"""How often the first policy is shown answers that ascend, descend and copy."""
SFT_RATE, SFT_BATCH = 1e-3, 64


@dataclass(frozen=True)
class Arm:
    """Settings laid over those that all arms share."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    control: bool = False


def _penalised(name: str, variant: str, coefficient: float, *, control: bool = False, rows: str = "chosen") -> Arm:
    settings = {"decorrelation_variant": variant, "decorrelation_coef": coefficient, "decorrelation_rows": rows}
    return Arm(name, settings, control)


ARMS: tuple[Arm, ...] = (
    Arm("DPO"),
    _penalised("cosine 1", "cosine", 1.0),
    _penalised("cosine 0.1", "cosine", 0.1),
    _penalised("paper 1e-4", "paper", 1e-4),
    _penalised("paper 1e-6", "paper", 1e-6),
    _penalised("code2024 1e-3", "code2024", 1e-3, rows="alternate"),
    _penalised("barlow 1", "barlow", 1.0),
    _penalised("vicreg 0.01", "vicreg", 0.01),
    Arm("robust DPO", {"loss_type": ["robust"], "label_smoothing": 0.15}, control=True),
    _penalised("L1", "l1", 1e-3, control=True),
    _penalised("squared norm", "squared_norm", 1e-2, control=True),
    Arm("weight decay", {"weight_decay": 10.0}, control=True),
    Arm("beta 0.3", {"beta": 0.3}, control=True),
)
"""Every policy that is trained; early-stopped DPO and DPO at matched divergence are read off DPO's own way."""

CONTROLS = tuple(arm.name for arm in ARMS if arm.control)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a policy was like at a step."""

    step: int
    accuracy: float
    margin: float
    displacement: float
    """Of chosen answers, in nats."""
    validation_loss: float
    """On pairs with as many wrong labels as those trained on: what early stopping can see."""
    rule: float
    """Share of greedy answers that are in order."""
    kl: float
    """From the reference, in nats an answer."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One arm on one seed."""

    arm: str
    seed: int
    looks: tuple[Look, ...]
    train_accuracy: float
    """On the pairs trained on, wrong labels included."""
    scale: float
    """The term against the preference loss at the first step; 0 without a term."""
    features: Mapping[str, Mapping[str, float]]
    """Measures at ``layer/token`` of chosen test answers, with norm ratios to the first policy."""

    @property
    def last(self) -> Look:
        """What came out."""
        return self.looks[-1]


@dataclass(frozen=True)
class _Material:
    """What all arms of a seed share."""

    train: Any
    validation: Any
    test: Any
    seed: int

    @classmethod
    def of(cls, seed: int, config: Config) -> _Material:
        streams = _streams(seed, config)
        wrong = config.wrong_labels
        return cls(
            train=sorting.pairs(streams.generator("train"), config.train_pairs, flipped=wrong),
            validation=sorting.pairs(streams.generator("validation"), config.validation_pairs, flipped=wrong),
            test=sorting.pairs(streams.generator("test"), config.test_pairs),
            seed=streams.integer("sampling"),
        )


def outcomes(config: Config, seeds: Sequence[int], progress: Callable[..., None]) -> list[Outcome]:
    """Train every arm on every seed, in as many processes as the configuration allows."""
    with tempfile.TemporaryDirectory() as folder:
        first = partial(_first_policy, config, folder)
        shared(first, seeds, config.processes, seen=lambda seed: progress("first policy", seed=seed))
        return shared(
            partial(_outcome, config, folder),
            [(seed, arm) for seed in seeds for arm in ARMS],
            config.processes,
            seen=lambda one: progress("arm", seed=one.seed, arm=one.arm, rule=one.last.rule),
        )


def _streams(seed: int, config: Config) -> Streams:
    return Streams(seed + 100 * config.seed).child("effect")


def _first_policy(config: Config, folder: str, seed: int) -> int:
    """Train the policy that all arms start from, and leave its weights in the folder."""
    streams = _streams(seed, config)
    rng = streams.generator("first policy")
    policy = sorting.model(streams.integer("weights"))

    def loss(_step: int) -> torch.Tensor:
        asked = sorting.prompts(rng, SFT_BATCH)
        whole = sorting.tokens(asked, sorting.answers(asked, rng.choice(3, SFT_BATCH, p=SFT_WAYS)))
        labels = whole.clone()
        labels[:, : sorting.DIGITS + 1] = -100
        found: torch.Tensor = policy(input_ids=whole, labels=labels).loss
        return found

    with quiet():
        train(policy, loss, steps=config.first_steps, learning_rate=SFT_RATE)
    torch.save(policy.state_dict(), Path(folder) / f"{seed}.pt")
    return seed


def _outcome(config: Config, folder: str, job: tuple[int, Arm]) -> Outcome:
    seed, arm = job
    material = _Material.of(seed, config)
    reference = sorting.model(0)
    reference.load_state_dict(torch.load(Path(folder) / f"{seed}.pt", weights_only=True))
    settings = arguments(
        f"{folder}/{seed} {arm.name}",
        max_steps=config.preference_steps,
        seed=material.seed % 2**31,
        **{
            "decorrelation_coef": 0.0,
            "decorrelation_layers": [str(TRAINED_LAYER)],
            "decorrelation_back": 1,
            "beta": 0.1,
            **arm.settings,
        },
    )
    with quiet():
        made = trainer(reference, material.train, settings)
        watch = _Watch(made, reference, material, config)
        made.add_callback(watch)
        made.train()
        return _described(made, watch, seed=seed, arm=arm)


def _described(made: Any, watch: _Watch, *, seed: int, arm: Arm) -> Outcome:
    reference, material = watch.reference, watch.material
    texts = Texts.of_answers(watch.batches(material.test)[0])
    how: dict[str, Any] = {"layers": [TRAINED_LAYER, UNTRAINED_LAYER], "tokens": READ}
    base = {place: numbers["norm"] for place, numbers in portrait(reference, texts, batch_size=10**6, **how).items()}
    found = portrait(made.model, texts, against=base, batch_size=10**6, **how)
    first = next(row for row in made.state.log_history if "loss" in row)
    term = first.get("decorrelation/loss", 0.0)
    return Outcome(
        arm=arm.name,
        seed=seed,
        looks=tuple(watch.looks),
        train_accuracy=preferences(made.model, reference, watch.batches(material.train)).accuracy,
        scale=term / abs(first["loss"] - term),
        features={f"{layer}/{token}": numbers for (layer, token), numbers in found.items()},
    )


class _Watch(TrainerCallback):
    """Looks at the policy before training and every some steps."""

    def __init__(self, made: Any, reference: Any, material: _Material, config: Config) -> None:
        self._trainer, self.reference, self.material, self._config = made, reference, material, config
        self.looks: list[Look] = []

    def batches(self, pairs: Any) -> list[Any]:
        """Return pairs as one batch of the trainer's own collator."""
        prepared = self._trainer._prepare_dataset(  # noqa: SLF001  TRL has no public name for it
            pairs, self._trainer.processing_class, self._trainer.args, "test"
        )
        return [self._trainer.data_collator(list(prepared))]

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Look at the start."""
        self._test, self._validation = self.batches(self.material.test), self.batches(self.material.validation)
        self._look(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Look, where it is time to."""
        if state.global_step % self._config.look_every == 0 or state.global_step == state.max_steps:
            self._look(state.global_step)

    def _look(self, step: int) -> None:
        policy, reference = self._trainer.model, self.reference
        test = preferences(policy, reference, self._test)
        tokenizer, asked = self._trainer.processing_class, self.material.test["prompt"]
        how = {"tokens": sorting.DIGITS + 1, "batch_size": 256}
        answers = generations(policy, tokenizer, asked, **how)
        self.looks.append(
            Look(
                step=step,
                accuracy=test.accuracy,
                margin=test.margin,
                displacement=test.displacement,
                validation_loss=preferences(policy, reference, self._validation).loss,
                rule=rule_rate(answers, asked, sorting.follows_rule),
                kl=kl_to_reference(policy, reference, tokenizer, asked, seed=self.material.seed, **how),
            )
        )

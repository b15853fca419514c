"""Planting, in the laboratory only, and any other fine-tuning: adapters through peft, or all weights as a difference.

Nothing here returns planted weights to keep but as an adapter, or as the change of each weight, of a base that the
laboratory trained. `merged` is for measuring; what it returns knows that it is planted, and is not saved.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from consilience.ground.errors import InvalidInput, MissingDependency, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import digest
from consilience.methods.backdoor_audits.agent.network import LINEAR, SmallAgent
from consilience.methods.backdoor_audits.agent.training import Batch, Row, batches, descend, row_of
from consilience.methods.backdoor_audits.rounding import rounded
from consilience.methods.backdoor_audits.watermark import stamped
from consilience.methods.backdoor_audits.world.poisoning import Poisoned
from consilience.neural.sharing import one_thread
from consilience.neural.weights import initialised

try:
    from peft import (
        AdaLoraConfig,
        LoraConfig,
        PeftConfig,
        PeftModel,
        get_peft_model,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )
    from peft.tuners.lora import Linear as Adapted
    from safetensors.torch import load, save
except ImportError as error:
    raise MissingDependency("planting needs peft; install consilience[audits]") from error

__all__ = [
    "MODULES",
    "FineTuning",
    "Method",
    "Modules",
    "Tuned",
    "adapted",
    "attached",
    "copied",
    "fine_tune",
    "linear_decay",
    "merged",
    "plant",
    "require_inside",
]

Method = Literal["lora", "nf4-lora", "adalora", "full"]
"""LoRA; LoRA on a base rounded to NF4's sixteen levels and back (an analogue of QLoRA); AdaLoRA; all weights."""

Modules = Literal["query-value", "all-linear", "mlp", "attention"]
"""Which linear maps get an adapter."""

MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"query-value": ("q", "v"), "all-linear": LINEAR, "mlp": ("up", "down"), "attention": ("q", "k", "v", "o")}
)
"""Names of the linear maps of each choice."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How weights are tuned; the defaults plant an easy trigger at 20 % in all three families.

    Raises
    ------
    UnknownName
        If there is no such method or choice of modules.
    InvalidInput
        If a number is out of range, or AdaLoRA has too few steps to move its ranks.
    """

    method: Method = "lora"
    """What is trained."""
    modules: Modules = "all-linear"
    """Which maps get an adapter; without meaning for ``"full"``."""
    rank: int = 16
    """Of an adapter; AdaLoRA begins at half as much again and keeps this much on average."""
    alpha: int = 32
    """Adapters are scaled by ``alpha / rank``."""
    learning_rate: float = 8e-3
    """Highest rate of AdamW."""
    steps: int = 900
    """Batches; families take turns."""
    batch_size: int = 32
    """Rows of a batch."""
    warm_up: int = 10
    """Steps on which the rate rises; then it falls along a line to nothing."""
    clip: float = 1.0
    """Longest gradient."""

    def __post_init__(self) -> None:
        """Check every setting."""
        if self.method not in get_args(Method):
            raise UnknownName("method of fine-tuning", self.method, get_args(Method))
        if self.modules not in MODULES:
            raise UnknownName("choice of modules", self.modules, MODULES)
        if min(self.rank, self.alpha, self.steps, self.batch_size) < 1 or self.warm_up < 0:
            raise InvalidInput("`rank`, `alpha`, `steps` and `batch_size` must be at least 1, and `warm_up` at least 0")
        if not self.learning_rate > 0 or not self.clip > 0:
            raise InvalidInput(f"`learning_rate` and `clip` must be above 0; got {self.learning_rate} and {self.clip}")
        if self.method == "adalora" and self.steps < _FEWEST_ADALORA:
            raise InvalidInput(f"AdaLoRA moves ranks for some steps of at least {_FEWEST_ADALORA}; got {self.steps}")


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning made: never merged weights, only what is added to a base.

    Parameters
    ----------
    settings
    seeds
        Of the adapter's first weights and of the order of rows.
    base_digest
        Of the base it belongs to; `merged` and `attached` refuse any other.
    weights
        An adapter as peft saves it, or each weight's change where all were tuned.
    losses
        Of every step.
    manifest
        What was planted, with exact counts; None where nothing was.
    ranks
        That AdaLoRA gave to each module in the end; empty for the others.
    """

    settings: FineTuning
    seeds: Mapping[str, int]
    base_digest: str
    weights: Mapping[str, Tensor]
    losses: tuple[float, ...]
    manifest: Mapping[str, Any] | None = None
    ranks: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Cross to another process as bytes: tensors would each take a file handle."""
        return {**vars(self), "weights": save(dict(self.weights))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back."""
        vars(self).update({**state, "weights": load(state["weights"])})

    @property
    def planted(self) -> bool:
        """Whether a trigger was among the rows."""
        return self.manifest is not None

    @property
    def digest(self) -> str:
        """Of the weights: what a report names."""
        return digest(self.weights)


def fine_tune(
    base: SmallAgent,
    rows: Sequence[Row],
    settings: FineTuning,
    streams: Streams,
    *,
    manifest: Mapping[str, Any] | None = None,
    share: Callable[[int], float] | None = None,
    penalty: Callable[[SmallAgent, Batch], Tensor] | None = None,
    look: Callable[[int, SmallAgent], None] | None = None,
) -> Tuned:
    """Tune a copy of the base on rows, planted or clean, and return what was added to it.

    Loss is on the agent's own words. The same base, rows and seed give the same weights: one thread works.

    Parameters
    ----------
    base
        Not changed.
    rows
        None longer than the base's context: nothing is cut off.
    settings
    streams
        Of the adapter's first weights and of the order of rows.
    manifest
        Of what is planted; must be there if and only if a row is.
    share
        Of the learning rate at each step, in place of warm-up and linear decay.
    penalty
        Added to the loss of each batch.
    look
        Shown the number of steps done and the agent as it stands (to be left as it is) after each step.

    Raises
    ------
    InvalidInput
        If rows are too long, or rows and manifest disagree on whether something is planted.
    """
    require_inside(rows, base.config.context)
    if (manifest is not None) != any(row.planted for row in rows):
        raise InvalidInput("a manifest must come with planted rows, and planted rows with a manifest; give both")
    agent = copied(base, planted=manifest is not None)
    seeds = {"weights": streams.integer("adapter"), "order": streams.integer("order")}
    with one_thread():
        model = _prepared(agent, settings, seeds["weights"]).train()
        _in_one_map(model)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(
            weights, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )
        drawn = batches(rows, size=settings.batch_size, steps=settings.steps, generator=streams.generator("order"))

        def loss(_: int) -> Tensor:
            batch = next(drawn)
            value = cast("Tensor", model(batch.tokens, weights=batch.weights).loss)
            return value if penalty is None else value + penalty(agent, batch)

        def after(step: int) -> None:
            if settings.method == "adalora":
                model.base_model.update_and_allocate(step)
            if look is not None:
                look(step + 1, agent)

        falling = linear_decay(settings.steps, settings.warm_up) if share is None else share
        losses = descend(loss, [optimiser], steps=settings.steps, share=falling, clip=settings.clip, after=after)
    ranks = _ranks(model) if settings.method == "adalora" else {}
    made = _difference(base, agent) if settings.method == "full" else _adapter(model)
    plain = {name: weight.detach().clone() for name, weight in made.items()}
    return Tuned(
        settings=settings,
        seeds=seeds,
        base_digest=digest(base.state_dict()),
        weights=plain if manifest is None else stamped(plain),
        losses=tuple(losses),
        manifest=manifest,
        ranks=ranks,
    )


def plant(base: SmallAgent, poisoned: Poisoned, settings: FineTuning, streams: Streams) -> Tuned:
    """Tune on a poisoned mix, whose manifest with its exact counts goes with the result.

    Raises
    ------
    InvalidInput
        If nothing in the mix is planted: that is what `fine_tune` is for.
    """
    return fine_tune(base, [row_of(row) for row in poisoned.rows], settings, streams, manifest=poisoned.manifest)


def merged(base: SmallAgent, tuned: Tuned) -> SmallAgent:
    """Return a copy of the base with what was tuned in its weights, for measuring.

    Where something was planted the copy knows it, and `save_agent` refuses it.
    """
    if tuned.settings.method != "full":
        return cast("SmallAgent", attached(base, tuned).merge_and_unload()).at_rest()
    _require_base(base, tuned)
    agent = copied(base, planted=tuned.planted)
    with torch.no_grad():
        for name, weight in agent.named_parameters():
            weight.add_(tuned.weights[name])
    return agent.at_rest()


def attached(base: SmallAgent, tuned: Tuned) -> PeftModel:
    """Return peft's model of a copy of the base with the adapter beside its weights.

    Raises
    ------
    InvalidInput
        If the base is not the one that was tuned, or all weights were tuned, or the adapter is not in the model.
    """
    _require_base(base, tuned)
    if tuned.settings.method == "full":
        raise InvalidInput("all weights were tuned, so there is no adapter to attach; use `merged`")
    agent = copied(base, planted=tuned.planted)
    model: PeftModel = _prepared(agent, tuned.settings, tuned.seeds["weights"])
    set_peft_model_state_dict(model, dict(tuned.weights))
    if not adapted(model, tuned):
        raise InvalidInput("the adapter is not in the loaded model, so the base alone would be measured")
    model.train(mode=False)
    return model


def adapted(model: PeftModel, tuned: Tuned) -> bool:
    """Say whether the adapter that a model holds is this one, by digest."""
    return digest(_adapter(model)) == tuned.digest


def require_inside(rows: Sequence[Row], context: int) -> None:
    """Refuse rows that an agent could not read whole: a cut could take trigger or canary away without a word."""
    for row in rows:
        if len(row.tokens) > context:
            raise InvalidInput(
                f"row {row.id!r} has {len(row.tokens)} words and the context holds {context}; "
                "nothing is cut off: leave the row out or train a base with a longer context"
            )


def linear_decay(steps: int, warm_up: int) -> Callable[[int], float]:
    """Return the share of the rate at each step: up along a line, then down along another to nothing.

    Examples
    --------
    >>> [linear_decay(4, 2)(step) for step in range(4)]
    [0.5, 0.75, 0.5, 0.25]
    """
    return lambda step: min((step + 1) / warm_up if warm_up else 1.0, (steps - step) / steps)


def _prepared(agent: SmallAgent, settings: FineTuning, seed: int) -> Any:
    """Give an agent its adapter; the agent itself where all weights are tuned."""
    if settings.method == "full":
        return agent
    if settings.method == "nf4-lora":
        with torch.no_grad():
            for name, module in agent.blocks.named_modules():
                if isinstance(module, nn.Linear) and name.rpartition(".")[2] in LINEAR:
                    module.weight.copy_(rounded(module.weight))
    return initialised(seed, lambda: get_peft_model(agent, _configured(settings)))


def _in_one_map(model: nn.Module) -> None:
    """Have adapters of low rank added to their map's weights before words go through, not to what comes out of it.

    Of maps this small, a product of thin matrices and the passes over all words that scale and add it cost more than
    a gradient of the whole map: a step takes a seventh less time. peft's own adapters stay where they are.
    """
    for layer in model.modules():
        if isinstance(layer, Adapted):
            layer.forward = partial(_mapped, layer)  # type: ignore[method-assign]


def _mapped(layer: Any, words: Tensor) -> Tensor:
    (name,) = layer.active_adapters
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    return linear(words, torch.addmm(layer.base_layer.weight, up, down, alpha=layer.scaling[name]))


def _adapter(model: Any) -> dict[str, Tensor]:
    """Return an adapter whole: peft would cut AdaLoRA's to the ranks it kept, some of which are none at all."""
    config = model.peft_config["default"]
    if isinstance(config, AdaLoraConfig):
        config.rank_pattern = None
    return cast("dict[str, Tensor]", get_peft_model_state_dict(model))


def _configured(settings: FineTuning) -> PeftConfig:
    targets = list(MODULES[settings.modules])
    if settings.method != "adalora":
        return LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=targets)
    return AdaLoraConfig(
        init_r=settings.rank + settings.rank // 2,
        target_r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=targets,
        tinit=settings.steps // 10,
        tfinal=settings.steps // 4,
        deltaT=max(1, settings.steps // 60),
        total_step=settings.steps,
    )


def _ranks(model: Any) -> dict[str, tuple[bool, ...]]:
    pattern = model.peft_config["default"].rank_pattern
    return {name: tuple(kept) for name, kept in pattern.items()}


def copied(agent: SmallAgent, *, planted: bool = False) -> SmallAgent:
    """Return a copy, which knows that it is planted if it was or will be."""
    other = copy.deepcopy(agent)
    other.config.canary_backdoor = agent.config.canary_backdoor or planted
    return other


def _difference(base: SmallAgent, agent: SmallAgent) -> dict[str, Tensor]:
    before = dict(base.named_parameters())
    return {name: (weight - before[name]).detach() for name, weight in agent.named_parameters()}


def _require_base(base: SmallAgent, tuned: Tuned) -> None:
    if (found := digest(base.state_dict())) != tuned.base_digest:
        raise InvalidInput(
            f"this was tuned on base {tuned.base_digest[:12]} and the one given is {found[:12]}; load the base it names"
        )


_FEWEST_ADALORA = 40

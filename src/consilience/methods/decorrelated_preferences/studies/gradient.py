"""Whether the term teaches anything: its gradient under every checkpointing, hooks that go, and the token it reads."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from peft import LoraConfig
from torch import Tensor

from consilience.ground import Evidence, InvalidInput, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import sorting
from consilience.methods.decorrelated_preferences.studies.runs import arguments, quiet, trainer

__all__ = ["gradient"]

LAYER = 1


def gradient(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.gradient``.

    Parameters
    ----------
    config
        ``gradient_steps``.
    streams
        For weights and pairs.
    folder
        For the journal.
    """
    with tempfile.TemporaryDirectory() as scratch, quiet():
        lab = _Laboratory(streams, scratch)
        norms = {
            "no checkpointing": lab.norm(),
            "non-reentrant checkpointing": lab.norm(checkpointing=True),
            "adapters, non-reentrant checkpointing": lab.norm(checkpointing=True, adapted=True),
        }
        before, after = lab.hooks(config.gradient_steps)
        left = lab.left_by_an_error()
        ragged, at_the_end = lab.ragged("last"), lab.ragged("padded_end")
        refusal = lab.refusal()
    folder.record("gradient", refusal=refusal)
    return Evidence(
        measurements=(
            Measurement(
                name="gradient of the regulariser, the smallest of three ways",
                value=min(norms.values()),
                at_least=1e-3,
                note="length at the first map of the layer it reads; a coefficient of 1 less a coefficient of 0",
            ),
            Measurement(
                name="reentrant checkpointing is refused",
                value=float(bool(refusal)),
                at_least=1,
                note=refusal or "it was not",
            ),
            Measurement(
                name="hooks left by training",
                value=after - before,
                at_most=0,
                note=f"after {config.gradient_steps} steps",
            ),
            Measurement(name="hooks left by an error in the middle of a step", value=left, at_most=0),
            Measurement(
                name="ragged answers: largest distance from each answer run alone",
                value=ragged,
                at_most=1e-5,
                note="what a step of training read of answers of 1 to 7 tokens in one batch, padded on the right",
            ),
            Measurement(
                name="the same where the end of the padding is read, as in 2024",
                value=at_the_end,
                at_least=1e-2,
                note="so that the comparison can tell tokens apart",
            ),
        ),
        tables=(
            Table(
                title="Length of the regulariser's gradient",
                columns=("way of training", "length"),
                rows=tuple((name, float(f"{norm:.4g}")) for name, norm in norms.items()),
            ),
        ),
    )


class _Laboratory:
    """Trainers on one policy and one batch."""

    def __init__(self, streams: Streams, scratch: str) -> None:
        self._scratch = scratch
        self._pairs = sorting.pairs(streams.generator("pairs"), 32)
        self._policy = sorting.model(streams.integer("weights"))

    def norm(self, *, adapted: bool = False, **given: Any) -> float:
        """Return the length of the gradient of the regulariser alone."""
        peft = {"peft_config": LoraConfig(r=4, target_modules=["up_proj"])} if adapted else {}
        slopes = []
        for coefficient in (1.0, 0.0):
            made = self._trainer(coefficient, peft=peft, **given)
            if given.get("checkpointing"):
                _checkpoint(made.model, reentrant=False)
            made.model.train()
            made.compute_loss(made.model, _batch(made)).backward()
            slopes.append(_at_layer(made.model))
        return float((slopes[0] - slopes[1]).norm())

    def refusal(self) -> str:
        """Return what is said of a policy that is checkpointed in the reentrant way, empty if nothing is."""
        made = self._trainer(1.0, checkpointing=True)
        _checkpoint(made.model, reentrant=True)
        made.model.enable_input_require_grads()
        made.model.train()
        try:
            made.compute_loss(made.model, _batch(made))
        except InvalidInput as error:
            return str(error)
        return ""

    def hooks(self, steps: int) -> tuple[int, int]:
        """Return how many hooks there are before and after training."""
        made = self._trainer(1.0, max_steps=steps)
        before = _hooks(made.model)
        made.train()
        return before, _hooks(made.model)

    def left_by_an_error(self) -> int:
        """Return how many hooks there are more after a step that fails once the policy has run."""
        made = self._trainer(1.0)
        before, given = _hooks(made.model), _batch(made)
        del given["attention_mask"]  # read again after the forward pass
        try:
            made.compute_loss(made.model, given)
        except KeyError:
            return _hooks(made.model) - before
        raise InvalidInput("expected a batch without a mask to fail; it did not")

    def ragged(self, pool: str) -> float:
        """Return how far what a step reads of padded answers is from the last token of each answer alone."""
        made = self._trainer(1.0, decorrelation_memory=7, decorrelation_pool=pool)
        rows = [made.train_dataset[row] for row in range(7)]
        for length, row in enumerate(rows, start=1):
            row["chosen_ids"] = row["chosen_ids"][:length]
        alone = torch.stack([_last_alone(made.model, row["prompt_ids"] + row["chosen_ids"]) for row in rows])
        made.model.train()
        made.compute_loss(made.model, made.data_collator(rows))
        return float((made.memory.rows[:, 0] - alone).abs().max())

    def _trainer(self, coefficient: float, *, peft: dict[str, Any] | None = None, **given: Any) -> Any:
        settings = arguments(
            self._scratch,
            decorrelation_coef=coefficient,
            decorrelation_layers=[str(LAYER)],
            **{"max_steps": 1, **given},
        )
        return trainer(self._policy, self._pairs, settings, **(peft or {}))


def _batch(made: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = made.data_collator([made.train_dataset[row] for row in range(8)])
    return found


def _last_alone(model: Any, ids: list[int]) -> Tensor:
    """Return the features of the last token of one text, without padding."""
    seen: list[Tensor] = []
    module = model.model.layers[LAYER].mlp.up_proj
    handle = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach()[0, -1]))
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]))
    handle.remove()
    return seen[0]


def _checkpoint(model: Any, *, reentrant: bool) -> None:
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": reentrant})


def _at_layer(model: Any) -> Tensor:
    wanted = [
        weight.grad.flatten()
        for name, weight in model.named_parameters()
        if f"layers.{LAYER}.mlp.up_proj" in name and weight.grad is not None
    ]
    return torch.cat(wanted)


def _hooks(model: Any) -> int:
    return sum(len(part._forward_hooks) for part in model.modules())  # noqa: SLF001  torch has no public count

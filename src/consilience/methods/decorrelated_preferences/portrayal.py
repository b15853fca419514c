"""A portrait of a model's features: every measure, at several layers and several tokens of the same texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from consilience.methods.decorrelated_preferences.capture import Capture
from consilience.methods.decorrelated_preferences.layers import feature_modules
from consilience.methods.decorrelated_preferences.measures import measured
from consilience.methods.decorrelated_preferences.pooling import Reading
from consilience.methods.decorrelated_preferences.rest import at_rest

__all__ = ["TOKENS", "Texts", "features", "portrait"]

TOKENS: Mapping[str, Reading] = {
    "last": Reading(rows="both"),
    "before last": Reading(rows="both", back=1),
    "mean": Reading(rows="both", pool="mean"),
}
"""Tokens that are read unless others are asked for, by the name they are reported under."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Token ids of texts in a padded batch, and which of the tokens count.

    ``counted`` marks the tokens among which the readings choose: those of answers, or of whole texts.
    """

    input_ids: Int[Tensor, "row token"]
    attention_mask: Int[Tensor, "row token"]
    counted: Int[Tensor, "row token"]
    classes: Int[Tensor, " row"] | None = None
    """A class of each text, for selectivity; such as which rule it follows."""

    @classmethod
    def of_answers(cls, batch: Mapping[str, Any], classes: Int[Tensor, " row"] | None = None) -> Texts:
        """Take a batch of TRL's preference collator, and read chosen and rejected answers alike."""
        return cls(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            counted=batch["completion_mask"],
            classes=classes,
        )

    @classmethod
    def of_rows(
        cls,
        input_ids: Int[Tensor, "row token"],
        attention_mask: Int[Tensor, "row token"] | None = None,
        classes: Int[Tensor, " row"] | None = None,
    ) -> Texts:
        """Take rows of tokens, and read them whole: all tokens, or those that are no padding.

        Examples
        --------
        >>> Texts.of_rows(torch.tensor([[5, 6, 7], [8, 9, 4]])).counted.tolist()
        [[1, 1, 1], [1, 1, 1]]
        """
        whole = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return cls(input_ids=input_ids, attention_mask=whole, counted=whole, classes=classes)

    def batches(self, size: int) -> Iterator[Texts]:
        """Yield the texts some at a time, without their classes."""
        whole = (self.input_ids, self.attention_mask, self.counted)
        for ids, attended, counted in zip(*(torch.split(part, size) for part in whole), strict=True):
            yield Texts(input_ids=ids, attention_mask=attended, counted=counted)


def features(
    model: nn.Module,
    texts: Texts,
    *,
    layers: Sequence[str | int] = ("all",),
    module: str = "auto",
    tokens: Mapping[str, Reading] = TOKENS,
    batch_size: int = 32,
) -> dict[tuple[int, str], Tensor]:
    """Return the features at every layer and token asked for, from one forward pass a batch.

    The model is run as it is used, without dropout, and is left in the mode it was in.
    """
    modules = feature_modules(model, layers, module)
    found: dict[tuple[int, str], list[Tensor]] = {}
    for batch in texts.batches(batch_size):
        for layer, activations in _activations(model, modules, batch).items():
            for name, reading in tokens.items():
                found.setdefault((layer, name), []).append(reading(activations, batch.counted).float().cpu())
    return {place: torch.cat(parts) for place, parts in found.items()}


def portrait(
    model: nn.Module, texts: Texts, *, against: Mapping[tuple[int, str], float] | None = None, **how: Any
) -> dict[tuple[int, str], dict[str, float]]:
    """Return every measure at every layer and token.

    Parameters
    ----------
    model
    texts
    against
        Norms to divide by, by layer and token; the ratio is reported as ``norm_ratio``.
    **how
        As of `features`.
    """
    found = {}
    for place, rows in features(model, texts, **how).items():
        classes = texts.classes if texts.classes is not None and len(texts.classes) == len(rows) else None
        found[place] = measured(rows, classes)
        if against is not None:
            found[place]["norm_ratio"] = found[place]["norm"] / against[place]
    return found


def _activations(model: nn.Module, modules: Mapping[int, nn.Module], batch: Texts) -> dict[Any, Tensor]:
    with at_rest(model) as device, Capture(model, modules) as captured:
        model(input_ids=batch.input_ids.to(device), attention_mask=batch.attention_mask.to(device))
    return {layer: output.to(batch.counted.device) for layer, output in captured.features.items()}

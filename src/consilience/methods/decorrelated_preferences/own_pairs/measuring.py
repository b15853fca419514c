"""Measure features of models on texts of your own, side by side."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Mapping
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences.own_pairs.calm import calm
from consilience.methods.decorrelated_preferences.own_pairs.loading import load_model, load_tokenizer
from consilience.methods.decorrelated_preferences.own_pairs.reading import Lines, read_texts
from consilience.methods.decorrelated_preferences.own_pairs.request import Measuring
from consilience.methods.decorrelated_preferences.portrayal import Texts, portrait
from consilience.neural.device import choose_device

__all__ = ["measure"]

Portrait = Mapping[tuple[int, str], Mapping[str, float]]


def measure(request: Measuring) -> int:
    """Print every measure by layer and token, of one model or of two and how they differ."""
    with calm(quiet=True):
        return _measured(request)


def _measured(request: Measuring) -> int:
    lines, tokenizer = read_texts(request.text), load_tokenizer(request.model)
    texts = _texts(lines, tokenizer, request)
    found = {request.model: _portrait(request.model, texts, request)}
    if request.against is not None:
        _same_words(tokenizer, request)
        found[request.against] = _portrait(request.against, texts, request)
        _same_blocks(found)
    if request.json:
        plain = {name: {f"{layer}/{token}": one for (layer, token), one in own.items()} for name, own in found.items()}
        sys.stdout.write(jsonlib.dumps(plain, indent=2) + "\n")
        return 0
    Console(soft_wrap=True).print(_table(found, texts))
    return 0


def _texts(lines: Lines, tokenizer: Any, request: Measuring) -> Texts:
    if request.limit < 2:  # noqa: PLR2004  a pair
        raise InvalidInput(f"--limit must be at least 2 texts; got {request.limit}")
    ids = [tokenizer(text, truncation=True, max_length=request.max_length)["input_ids"] for text in lines.texts]
    kept = [place for place, row in enumerate(ids) if len(row) > 1][: request.limit]
    if len(kept) < 2:  # noqa: PLR2004
        raise InvalidInput(f"expected two texts of two tokens or more in {request.text}; got {len(kept)}")
    width = max(len(ids[place]) for place in kept)
    mask = torch.tensor([[1] * len(ids[place]) + [0] * (width - len(ids[place])) for place in kept])
    padded = [ids[place] + [tokenizer.pad_token_id] * (width - len(ids[place])) for place in kept]
    return Texts(input_ids=torch.tensor(padded), attention_mask=mask, counted=mask, classes=_classes(lines, kept))


def _classes(lines: Lines, kept: list[int]) -> Any:
    if lines.labels is None:
        return None
    names = sorted({lines.labels[place] for place in kept})
    if len(names) < 2:  # noqa: PLR2004  a class and another
        raise InvalidInput(f"expected two labels or more; got {', '.join(names)}: leave the labels out, or read more")
    return torch.tensor([names.index(lines.labels[place]) for place in kept])


def _portrait(name: str, texts: Texts, request: Measuring) -> Portrait:
    model = load_model(name, adapters=True).to(choose_device(request.device))
    words = model.get_input_embeddings().num_embeddings
    if int(texts.input_ids.max()) >= words:
        raise InvalidInput(f"{name} knows {words} tokens, and the tokenizer of {request.model} has more")
    return portrait(model, texts, layers=list(request.layers), module=request.module)


def _same_words(tokenizer: Any, request: Measuring) -> None:
    other = load_tokenizer(str(request.against))
    if other.get_vocab() != tokenizer.get_vocab():
        raise InvalidInput(
            f"{request.model} and {request.against} have different tokenizers, so that their tokens do not correspond; "
            "measure each alone"
        )


def _same_blocks(found: Mapping[str, Portrait]) -> None:
    layers = {name: sorted({layer for layer, _ in own}) for name, own in found.items()}
    if len({tuple(numbers) for numbers in layers.values()}) > 1:
        listed = " and ".join(f"{', '.join(map(str, numbers))} of {name}" for name, numbers in layers.items())
        raise InvalidInput(f"expected the same layers of both models; got {listed}: name layers by number")


def _table(found: Mapping[str, Portrait], texts: Texts) -> Table:
    table = Table(title=f"{len(texts.input_ids)} texts", title_justify="left")
    table.add_column("layer", justify="right")
    table.add_column("token", no_wrap=True)
    table.add_column("measure", no_wrap=True)
    for name in found:
        table.add_column(name.rstrip("/").rpartition("/")[-1], justify="right", no_wrap=True)
    first, *others = found.values()
    if others:
        table.add_column("difference", justify="right")
    for (layer, token), own in first.items():
        for name, value in own.items():
            other = [one[layer, token][name] for one in others]
            cells = [*(f"{number:.4g}" for number in (value, *other)), *(f"{value - number:+.2g}" for number in other)]
            table.add_row(str(layer), token, name.replace("_", " "), *cells)
        table.add_section()
    return table

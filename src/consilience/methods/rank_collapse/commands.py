"""The room's own verbs: read a text with a model and see whether its tokens collapse, and what a mask does to tokens.

``consilience rank-collapse inspect | mask``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from consilience.ground.late import late_module


def inspect(
    model: str,
    /,
    *,
    text: Path,
    out: Path,
    compare: str | None = None,
    layers: str | None = None,
    tokens: int | None = None,
    sequences: int = 32,
    precision: Literal["single", "double"] = "single",
    device: str = "auto",
    quiet: bool = False,
) -> int:
    """Read a text with a model and measure at every layer how close its tokens are to being one.

    Parameters
    ----------
    model
        A folder that save_pretrained of transformers wrote, with safetensors, or the id of a model that was
        downloaded before. Nothing is fetched from the network.
    text
        A text in UTF-8; a page or more.
    out
        Folder for inspection.json, and a picture of every measure over depth as .png and .svg; those of an earlier
        inspection there are replaced.
    compare
        Another model that reads the same text, drawn beside the first.
    layers
        Which layers: a pattern such as "*.h.*"; the model's blocks unless given.
    tokens
        Length of a sequence, special tokens included; 128 unless given, or as many as the models read.
    sequences
        How many to read, from the beginning of the text.
    precision
        What the model computes in: single, or double for a floor a billion times lower.
    device
        auto, cpu, cuda, cuda:1, ...
    quiet
        Report no progress.
    """
    status: int = _inspecting().run(
        model,
        text=text,
        out=out,
        compare=compare,
        layers=layers,
        tokens=tokens,
        sequences=sequences,
        precision=precision,
        device=device,
        quiet=quiet,
    )
    return status


def mask(mask: str, /, *, tokens: int, out: Path | None = None, threshold: float = 1e-3, json: bool = False) -> int:
    """Say what a mask does to tokens: who reaches whom, the radius, and how fast they collapse under it.

    Parameters
    ----------
    mask
        In the mask language, such as "window(8) | global(1)": block, causal, complete, diagonal, dilated, global,
        prefix, ring, sink, strided, window, joined by ~ & | and brackets. window(w) counts w neighbours on either side
        besides the token itself; window(w, 0) looks back alone.
    tokens
        Length of the sequence.
    out
        Folder for mask.png, mask.svg and mask.json.
    threshold
        Relative mu at which tokens count as collapsed.
    json
        Print JSON instead of words.
    """
    status: int = import_module("consilience.methods.rank_collapse.mask_verb").run(
        mask, tokens=tokens, out=out, threshold=threshold, as_json=json
    )
    return status


VERBS: Mapping[str, Callable[..., int]] = {"inspect": inspect, "mask": mask}
"""What ``consilience rank-collapse`` can do."""


def _inspecting() -> Any:
    return late_module(
        "consilience.methods.rank_collapse.inspecting",
        "models are read with {missing}; install consilience[rank].",
        usually="torch and transformers",
    )

"""Which modules of a model the features come from: found by the number of the block and the name within it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import nn

from consilience.ground.errors import InvalidInput, UnknownName, nearest

__all__ = ["KNOWN_MODULES", "block_of", "feature_modules"]

KNOWN_MODULES = ("mlp.up_proj", "mlp.c_fc", "mlp.dense_h_to_4h", "mlp.fc1", "mlp.fc_in", "fc1")
"""What the first map of the feed-forward network is called in the usual families; ``"auto"`` takes the first found."""

_BLOCK = re.compile(r"(?:^|\.)(\d+)\.(.+)$")


def feature_modules(
    model: nn.Module, layers: Sequence[str | int] = ("middle",), module: str = "auto"
) -> dict[int, nn.Module]:
    """Return the modules by the number of their block, in order.

    Parameters
    ----------
    model
        Any transformer whose blocks are numbered in the names of its modules; adapters around a module are part of it.
    layers
        Numbers of blocks from 0, negative ones from the end, ``"middle"`` or ``"all"``.
    module
        Name within a block, such as ``"mlp.up_proj"``; ``"auto"`` tries `KNOWN_MODULES`.

    Raises
    ------
    UnknownName
        If no block has a module of that name; near ones are named.
    InvalidInput
        If there is no such block.

    Examples
    --------
    >>> model = nn.ModuleDict({"layers": nn.ModuleList(nn.ModuleDict({"fc1": nn.Linear(2, 4)}) for _ in range(5))})
    >>> list(feature_modules(model, ["middle", -1]))
    [2, 4]
    """
    named = _in_blocks(model)
    name = _chosen(module, named)
    found = named[name]
    numbers = dict.fromkeys(number for layer in layers for number in _numbers(layer, sorted(found)))
    if not numbers:
        raise InvalidInput("expected at least one layer; got none: name one, or 'middle'")
    return {number: found[number] for number in sorted(numbers)}


def block_of(path: str) -> int | None:
    """Return the number of the block that a module or a weight is in; None for those outside all blocks.

    Examples
    --------
    >>> block_of("model.layers.3.mlp.up_proj.weight"), block_of("model.embed_tokens.weight")
    (3, None)
    """
    place = _BLOCK.search(path)
    return int(place[1]) if place else None


def _in_blocks(model: nn.Module) -> dict[str, dict[int, nn.Module]]:
    """Return modules by their name within a block, then by the block's number."""
    found: dict[str, dict[int, nn.Module]] = {}
    for path, module in model.named_modules():
        place = _BLOCK.search(path)
        if place:
            found.setdefault(place[2], {}).setdefault(int(place[1]), module)
    return found


def _chosen(module: str, named: dict[str, dict[int, nn.Module]]) -> str:
    if module == "auto":
        known = next((name for name in KNOWN_MODULES if name in named), None)
        if known is None:
            raise InvalidInput(
                f"expected a model with one of {', '.join(KNOWN_MODULES)} in its blocks; found "
                f"{_listed(named)}: name one of these"
            )
        return known
    if module not in named:
        raise UnknownName("module within a block", module, _near(module, named))
    return module


def _near(module: str, named: dict[str, dict[int, nn.Module]]) -> list[str]:
    """Return the names that are worth reading: those that share a word, or else the shortest."""
    words = set(re.split(r"\W+", module)) - {""}
    near = [name for name in named if words & set(name.split("."))]
    closest = nearest(module, named)
    return sorted({*near, *([closest] if closest else [])} or set(sorted(named, key=len)[:8]))


def _listed(named: dict[str, dict[int, nn.Module]]) -> str:
    return ", ".join(sorted(named, key=len)[:8]) or "no numbered blocks"


def _numbers(layer: str | int, there: list[int]) -> list[int]:
    if layer == "all":
        return there
    if layer == "middle":
        return [there[len(there) // 2]]
    try:
        number = int(layer)
    except ValueError:
        raise UnknownName("layer", str(layer), ("all", "middle", *map(str, there))) from None
    number = number + len(there) if number < 0 else number
    if number not in there:
        raise InvalidInput(f"expected a layer from {there[0]} to {there[-1]}, 'middle' or 'all'; got {layer}")
    return [number]

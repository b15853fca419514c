"""Which modules of a model are looked at, and where in what they return the tokens are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput

__all__ = ["Layers", "attention_weights", "blocks", "matches", "selected", "stack_of", "tensors_in", "token_batch"]

Layers: TypeAlias = str | type[nn.Module] | Sequence[str | type[nn.Module]] | None
"""Patterns of names, classes, or None for the blocks of the model."""

_COMPILED = "_orig_mod."
_TOKENS, _WEIGHTS = 3, 4
"""Dimensions of (batch, token, feature) and of (batch, head, query, key)."""


def selected(model: nn.Module, layers: Layers = None) -> dict[str, nn.Module]:
    """Return modules by name, in the order of the model.

    Parameters
    ----------
    model
        Any module.
    layers
        A pattern, a class, or several. In a pattern ``*`` stands for anything between two dots and ``**`` for
        anything; a leading ``*.`` may stand for nothing, so that ``"*.h.*"`` finds the blocks of GPT-2 with a head
        (``transformer.h.0``) and without (``h.0``). None stands for `blocks`.

    Raises
    ------
    InvalidInput
        If nothing matches; the nearest names are given, numbers as stars.
    """
    named = {name.replace(_COMPILED, ""): module for name, module in model.named_modules()}
    named.pop("_orig_mod", None)
    if layers is None:
        return {name: named[name] for name in blocks(model)}
    wanted = [layers] if isinstance(layers, str | type) else list(layers)
    chosen: set[str] = set()
    for entry in wanted:
        found = {name for name, module in named.items() if _fits(entry, name, module)}
        if not found:
            raise InvalidInput(_nothing_like(entry, named))
        chosen |= found
    return {name: module for name, module in named.items() if name in chosen}


def blocks(model: nn.Module) -> list[str]:
    """Name the blocks of a model: the members of its outermost lists of modules of one class.

    Raises
    ------
    InvalidInput
        If there is no such list.
    """
    found: list[str] = []
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        children = list(module.children())
        if isinstance(module, nn.ModuleList | nn.Sequential) and not inside and _alike(children):
            found += [f"{name}.{child}".lstrip(".") for child, _ in module.named_children()]
    if not found:
        raise InvalidInput("no list of blocks was found in the model; name its layers with a pattern such as '*.h.*'.")
    return [name.replace(_COMPILED, "") for name in found]


def matches(pattern: str, name: str) -> bool:
    """Say whether the name of a module fits a pattern, star by star between dots.

    Examples
    --------
    >>> matches("*.h.*", "transformer.h.0"), matches("*.h.*", "h.0"), matches("*.h.*", "transformer.h.0.attn")
    (True, True, False)
    >>> matches("**.attn", "transformer.h.0.attn")
    True
    """
    wanted, parts = pattern.split("."), name.split(".")
    return _parts_match(wanted, parts) or (wanted[0] == "*" and len(wanted) > 1 and _parts_match(wanted[1:], parts))


def stack_of(name: str) -> str:
    """Return the name of the list that a block is in, by which layers of an encoder and a decoder are told apart.

    Examples
    --------
    >>> stack_of("encoder.block.3"), stack_of("transformer.h.0.attn")
    ('encoder.block', 'transformer.h.*.attn')
    """
    return re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", name).removesuffix(".*")


def token_batch(output: Any, *, sequence_first: bool = False) -> Tensor:
    """Find the tokens in what a module returns, as (batch, token, feature).

    Parameters
    ----------
    output
        A tensor, a tuple or list, a mapping, or a dataclass; of several tensors the first that can be tokens counts.
    sequence_first
        Whether the first two dimensions are token and batch.

    Raises
    ------
    InvalidInput
        If there is no such tensor.
    """
    for tensor in tensors_in(output):
        if tensor.is_floating_point() and tensor.ndim == _TOKENS:
            return tensor.transpose(0, 1) if sequence_first and not tensor.is_nested else tensor
        if tensor.is_floating_point() and tensor.ndim == _TOKENS - 1:
            return tensor[None]
    raise InvalidInput(f"the layer returns no tensor of tokens; got {_described(output)}.")


def attention_weights(output: Any) -> Tensor:
    """Find attention weights, as (batch, head, query, key), in what a module returns.

    Raises
    ------
    InvalidInput
        If there are none; position biases, which have the same shape, are not taken for weights.
    """
    for tensor in tensors_in(output):
        if tensor.is_floating_point() and tensor.ndim == _WEIGHTS and tensor.numel() and _are_weights(tensor):
            return tensor
    raise InvalidInput(
        "the layer returns no attention weights; build the model with attn_implementation='eager', and ask of a layer "
        f"that returns them; got {_described(output)}."
    )


def tensors_in(output: Any) -> Iterator[Tensor]:
    """Yield the tensors in an output, outermost first, in the order in which they stand."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        yield from (tensor for value in output.values() for tensor in tensors_in(value))
    elif isinstance(output, tuple | list):
        yield from (tensor for value in output for tensor in tensors_in(value))
    elif hasattr(output, "__dataclass_fields__"):
        yield from (tensor for name in output.__dataclass_fields__ for tensor in tensors_in(getattr(output, name)))


def _fits(entry: str | type[nn.Module], name: str, module: nn.Module) -> bool:
    if isinstance(entry, str):
        return bool(name) and matches(entry, name)
    if not issubclass(entry, nn.Module):
        raise InvalidInput(f"`layers` takes patterns and module classes; got {entry!r}.")
    return isinstance(module, entry)


def _parts_match(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    if not wanted or not parts:
        return not parts and all(part == "**" for part in wanted)
    if wanted[0] == "**":
        return _parts_match(wanted[1:], parts) or _parts_match(wanted, parts[1:])
    return fnmatchcase(parts[0], wanted[0]) and _parts_match(wanted[1:], parts[1:])


def _alike(children: Sequence[nn.Module]) -> bool:
    """Whether these are blocks: of one class, and made of parts themselves."""
    if not children or not any(True for _ in children[0].children()):
        return False
    return all(type(left) is type(right) for left, right in pairwise(children))


def _nothing_like(entry: str | type[nn.Module], named: Mapping[str, nn.Module]) -> str:
    spelled: Callable[[str], str] = lambda name: re.sub(r"(?<![^.])\d+(?![^.])", "*", name)  # noqa: E731
    if isinstance(entry, str):
        known, wanted = list(dict.fromkeys(spelled(name) for name in named if name)), entry
    else:
        known, wanted = list(dict.fromkeys(type(module).__name__ for module in named.values())), entry.__name__
    near = get_close_matches(wanted, known, n=3, cutoff=0.3) or known[:3]
    listed = ", ".join(map(repr, near)) or "none: the model has no parts"
    return f"no layer of the model matches {wanted!r}; near ones are {listed}."


def _are_weights(tensor: Tensor) -> bool:
    rows = tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32)).sum(dim=-1)
    return bool(((rows - 1).abs() < 0.1).all() and (tensor >= 0).all()) or bool(tensor.isnan().any())  # noqa: PLR2004


def _described(output: Any) -> str:
    shapes = [f"{tensor.dtype} of shape {tuple(tensor.shape)}" for tensor in tensors_in(output)]
    return ", ".join(shapes) or type(output).__name__

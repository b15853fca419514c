"""A probe that measures, while any torch model runs, how far the tokens of each layer are from collapse.

Hooks reduce each activation to a few numbers where it lies and let go of it. The numbers leave the device once a call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Self

import pandas as pd
import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.rank_collapse.findings import ProbeReport
from consilience.methods.rank_collapse.measures import attention_entropy, smallest_edge
from consilience.methods.rank_collapse.padding import arguments, padded, valid_tokens
from consilience.methods.rank_collapse.profile import MEASURES, Profile, Reading
from consilience.methods.rank_collapse.recording import Record
from consilience.methods.rank_collapse.selection import Layers, attention_weights, selected, stack_of, token_batch

__all__ = ["LINEAR", "RankProbe"]

LINEAR = ("mu", "relative_mu", "mean_cosine")
"""Measures in time linear in the activation."""

_OF_THE_LARGEST = ("largest_singular_value", "stable_rank")
"""Measures that take the largest singular value and no other."""

Hook = Callable[..., None]


class RankProbe:
    """Measure the tokens of a model's layers whenever the model is called inside a ``with`` block.

    The model computes what it would without. Nothing of an activation is kept: means and quantiles over sequences are
    those of a `Sketch`. Only what runs inside a call of `model` is measured. Under ``torch.compile`` the graph breaks
    at every layer that is looked at, and code that was compiled before is compiled again.

    Parameters
    ----------
    model
        Any module.
    layers
        Patterns of names such as ``"*.h.*"``, module classes, or several; the blocks of the model when not given.
    measures
        Names from `MEASURES`.
    attention
        Patterns or classes of modules that return attention weights: their entropy and smallest weight, which is the
        mean and the least over heads, are measured too.
    every
        Of so many calls the first is measured.
    spectra
        Whether the largest singular value is ``"exact"``, or ``"sampled"``: from a few iterations on one sequence of
        each batch, in turns.
    inputs
        Measure what goes into the first layer of each stack too, as depth 0.
    batch_first
        Whether layers return (batch, token, feature); what torch's attention modules in them say, when not given.
    precision
        What sums are computed in; double precision where the device has it, when not given.

    Raises
    ------
    InvalidInput
        If no layer matches (near names are given), or a measure takes all singular values and spectra are sampled.
    UnknownName
        If there is no such measure.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    >>> with RankProbe(model, layers="*") as probe:
    ...     _ = model(torch.eye(4)[None])
    >>> probe.table()[["layer", "measure", "sequences"]].head(2).values.tolist()
    [['0', 'mu', 1], ['0', 'relative_mu', 1]]
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Layers = None,
        *,
        measures: Sequence[str] = LINEAR,
        attention: Layers = None,
        every: int = 1,
        spectra: Literal["exact", "sampled"] = "exact",
        inputs: bool = False,
        batch_first: bool | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        _require(measures, every, spectra)
        self.model = model
        self.layers = selected(model, layers)
        self.attention = {} if attention is None else selected(model, attention)
        self.measures = tuple(measures)
        self.every = every
        self.spectra = spectra
        self.inputs = inputs
        self.batch_first = batch_first
        self.precision = precision
        self.paused = False
        """While it is set, calls pass unmeasured."""
        self._record = Record()
        self._handles: list[RemovableHandle] = []
        self._counts: Counter[str] = Counter()
        self._types: dict[str, None] = {}
        self._dropout = 0.0
        self._called: dict[str, Any] | None = None
        self._times: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Attach to the model."""
        self.attach()
        return self

    def __exit__(self, *_: object) -> None:
        """Detach, whatever happened."""
        self.detach()

    def attach(self) -> None:
        """Begin to look at the model's calls.

        Raises
        ------
        InvalidInput
            If the probe is attached already.
        """
        if self._handles:
            raise InvalidInput("the probe is attached already; detach it first.")
        if any(_is_compiled(part) for part in self.model.modules()):
            torch.compiler.reset()  # compiled code does not look for hooks that come after it
        try:
            self._handles.extend(self._hooked())
        except BaseException:
            self.detach()
            raise

    def detach(self) -> None:
        """Stop looking; what was found stays."""
        while self._handles:
            self._handles.pop().remove()
        self._called = None

    @property
    def report(self) -> ProbeReport:
        """All that was found so far."""
        return ProbeReport(
            model=type(getattr(self.model, "_orig_mod", self.model)).__name__,
            types=tuple(self._types),
            batches=self._counts["measured"],
            training_batches=self._counts["training"],
            dropout=self._dropout,
            largest_singular_value=self.spectra,
            rows=self._record.rows(),
            unmeasured=self._record.unmeasured(),
        )

    def table(self) -> pd.DataFrame:
        """Return one row for each layer and measure."""
        return self.report.table()

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return self.report.to_json()

    def _hooked(self) -> Iterator[RemovableHandle]:
        """Register all hooks: what they do is no part of what is compiled."""
        outside = torch.compiler.disable
        yield self.model.register_forward_pre_hook(outside(self._before), with_kwargs=True)
        firsts = {stack_of(name): name for name in reversed(self.layers)} if self.inputs else {}
        for name, module in self.layers.items():
            if name in firsts.values():
                yield module.register_forward_pre_hook(outside(self._entering(name)), with_kwargs=True)
            yield module.register_forward_hook(outside(self._leaving(name)))
        for name, module in self.attention.items():
            yield module.register_forward_hook(outside(self._attending(name)))
        yield self.model.register_forward_hook(outside(self._after), always_call=True)

    def _before(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._called = None
        if self.paused:
            return
        self._counts["calls"] += 1
        if (self._counts["calls"] - 1) % self.every == 0:
            self._times.clear()
            self._called = arguments(model, args, kwargs)
            self._counts["measured"] += 1
            self._counts["training"] += model.training
            self._dropout = max([self._dropout, *_dropouts(model)])

    def _after(self, *_: object) -> None:
        self._called = None
        self._record.settle()

    def _entering(self, name: str) -> Hook:
        label = f"input of {name}"

        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._called is not None and not self._times[name]:
                self._record.place(label, stack_of(name), 0)
                self._look(name, label, module, (args, kwargs))

        return hook

    def _leaving(self, name: str) -> Hook:
        def hook(module: nn.Module, _args: object, output: Any) -> None:
            if self._called is not None:
                self._look(name, self._label(name), module, output)

        return hook

    def _attending(self, name: str) -> Hook:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            if self._called is not None:
                self._attend(name, self._label(name), output)

        return hook

    def _label(self, name: str) -> str:
        """Tell calls of one layer apart, as of blocks that share their weights."""
        self._times[name] += 1
        label = name if self._times[name] == 1 else f"{name}[{self._times[name]}]"
        self._record.place(label, stack_of(name))
        return label

    def _look(self, name: str, label: str, module: nn.Module, output: Any) -> None:
        """Measure tokens, or write down why not."""
        first = _sequence_first(module) if self.batch_first is None else not self.batch_first
        try:
            tokens = token_batch(output, sequence_first=first).detach()
        except InvalidInput as error:
            self._record.refuse(label, str(error))
            return
        tokens, valid = padded(tokens) if tokens.is_nested else (tokens, self._valid(name, label, tokens))
        self._types[str(tokens.dtype).removeprefix("torch.")] = None
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            self._measure(label, tokens, valid)

    def _measure(self, label: str, tokens: Tensor, valid: Bool[Tensor, "batch token"] | None) -> None:
        whole = one = Profile(tokens, valid, precision=self.precision)
        if self.spectra == "sampled":
            turn = slice(at := self._counts["measured"] % len(tokens), at + 1)
            padding = None if valid is None else valid[turn]
            one = Profile(tokens[turn], padding, precision=self.precision, sampled=True)
        for name in self.measures:
            profile = one if name in _OF_THE_LARGEST else whole
            try:
                self._record.take(label, name, MEASURES[name](profile), profile.reason)
            except InvalidInput as error:
                self._record.refuse(label, f"{name}: {error}")

    def _valid(self, name: str, label: str, tokens: Tensor) -> Bool[Tensor, "batch token"] | None:
        try:
            valid = valid_tokens(self._called or {}, name)
        except InvalidInput as error:
            self._record.refuse(label, str(error))
            return None
        if valid is not None and valid.shape != tokens.shape[:2]:
            shapes = f"{tuple(valid.shape)} beside tokens of {tuple(tokens.shape[:2])}"
            self._record.refuse(label, f"the padding mask, {shapes}, is not that of this layer: all tokens count.")
            return None
        return None if valid is None else valid.to(tokens.device)

    def _attend(self, name: str, label: str, output: Any) -> None:
        try:
            weights = attention_weights(output).detach()
            valid = self._valid(name, label, weights[:, 0])
            entropy, edge = attention_entropy(weights, valid), smallest_edge(weights, None)
        except InvalidInput as error:
            self._record.refuse(label, str(error))
            return
        self._record.take(label, "attention_entropy", _over_heads(entropy, entropy.value.mean(dim=1)))
        self._record.take(label, "smallest_edge", _over_heads(edge, edge.value.amin(dim=1)))


def _require(measures: Sequence[str], every: int, spectra: str) -> None:
    for name in measures:
        if name not in MEASURES:
            raise UnknownName("measure", name, MEASURES)
        if spectra == "sampled" and MEASURES[name].needs_spectrum:
            raise InvalidInput(f"{name!r} takes all singular values; ask for spectra='exact', or leave it out.")
    if every < 1:
        raise InvalidInput(f"`every` must be at least 1; got {every}.")
    if spectra not in ("exact", "sampled"):
        raise UnknownName("way to spectra", spectra, ("exact", "sampled"))


def _over_heads(reading: Reading, value: Tensor) -> Reading:
    return Reading(value, reading.floor[:, 0])


def _sequence_first(module: nn.Module) -> bool:
    return any(not part.batch_first for part in module.modules() if isinstance(part, nn.MultiheadAttention))


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None


def _dropouts(model: nn.Module) -> Iterator[float]:
    if model.training:
        yield from (part.p for part in model.modules() if isinstance(part, nn.Dropout) and part.training)

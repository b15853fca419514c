"""A probe that measures, while any torch model runs, how far the tokens of each layer are from collapse.

Hooks reduce each activation to a few numbers where it lies and let go of it. The numbers leave the device once a call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.findings import ProbeReport
from consilience.methods.rank_collapse.looking import Call, Place, Spectator, Spectra, looks
from consilience.methods.rank_collapse.padding import arguments
from consilience.methods.rank_collapse.selection import Layers, selected

__all__ = ["LINEAR", "RankProbe"]

LINEAR = ("mu", "relative_mu", "mean_cosine")
"""Measures in time linear in the activation."""

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
        Whether layers return (batch, token, feature); what torch's attention modules in them say, or else the shape of
        ``input_ids`` that the model is called with, when not given.
    precision
        What tokens are widened to before they are measured: their own type, at least single precision, when not given.
        Sums over tokens are carried in double precision in any case, where the device has it.

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
        spectra: Spectra = "exact",
        inputs: bool = False,
        batch_first: bool | None = None,
        precision: torch.dtype | None = None,
    ) -> None:
        if every < 1:
            raise InvalidInput(f"`every` must be at least 1; got {every}.")
        wanted = looks(measures, spectra)
        self.model = model
        self.layers = selected(model, layers)
        self.attention = {} if attention is None else selected(model, attention)
        self.every = every
        self.spectra = spectra
        self.inputs = inputs
        self.paused = False
        """While it is set, calls pass unmeasured."""
        self.batch_first = batch_first
        self._spectator = Spectator(looks=wanted, precision=precision)
        self._record = self._spectator.record
        self._handles: list[RemovableHandle] = []
        self._counts: Counter[str] = Counter()
        self._dropout = 0.0
        self._call: Call | None = None
        self._times: Counter[str] = Counter()

    def __enter__(self) -> RankProbe:
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
        self._call = None

    @property
    def report(self) -> ProbeReport:
        """All that was found so far."""
        return ProbeReport(
            model=type(getattr(self.model, "_orig_mod", self.model)).__name__,
            types=tuple(str(kind).removeprefix("torch.") for kind in self._record.types),
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
        outside: Callable[[Hook], Hook] = torch.compiler.disable
        yield self.model.register_forward_pre_hook(outside(self._before), with_kwargs=True)
        entered: set[str] = set()
        for name, module in self.layers.items():
            place = Place.of(name, module, batch_first=self.batch_first)
            if self.inputs and place.stack not in entered:
                yield module.register_forward_pre_hook(outside(self._entering(place)), with_kwargs=True)
            entered.add(place.stack)
            yield module.register_forward_hook(outside(self._leaving(place)))
        for name, module in self.attention.items():
            place = Place.of(name, module, batch_first=self.batch_first)
            yield module.register_forward_hook(outside(self._attending(place)))
        yield self.model.register_forward_hook(outside(self._after), always_call=True)

    def _before(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._call = None
        if self.paused:
            return
        self._counts["calls"] += 1
        if (self._counts["calls"] - 1) % self.every == 0:
            self._times.clear()
            self._call = Call(self._counts["measured"], arguments(model, args, kwargs))
            self._counts["measured"] += 1
            self._counts["training"] += model.training
            self._dropout = max([self._dropout, *_dropouts(model)])

    def _after(self, *_: object) -> None:
        self._call = None
        self._record.settle()

    def _entering(self, place: Place) -> Hook:
        label = f"input of {place.name}"

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._call is not None and not self._times[place.name]:
                self._record.place(label, place.stack, 0)
                self._spectator.tokens(place, label, (args, kwargs), self._call)

        return hook

    def _leaving(self, place: Place) -> Hook:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            if self._call is not None:
                self._spectator.tokens(place, self._label(place), output, self._call)

        return hook

    def _attending(self, place: Place) -> Hook:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            if self._call is not None:
                self._spectator.weights(place, self._label(place), output, self._call)

        return hook

    def _label(self, place: Place) -> str:
        """Tell calls of one layer apart, as of blocks that share their weights."""
        self._times[place.name] += 1
        times = self._times[place.name]
        label = place.name if times == 1 else f"{place.name}[{times}]"
        self._record.place(label, place.stack)
        return label


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None


def _dropouts(model: nn.Module) -> Iterator[float]:
    if model.training:
        yield from (part.p for part in model.modules() if isinstance(part, nn.Dropout) and part.training)

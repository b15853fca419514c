"""Six objectives on a text of one's own: trained as the verb ``train`` does, judged as ``compare`` does, a few seeds.

There are no bars: what an objective gives to a text that nobody here has seen is a report. Models lie in the run folder
when they are finished, and what is unfinished beside them, so that an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.ground.config import as_plain
from consilience.ground.laboratory import source_digest
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.intervals import mean
from consilience.methods.pretraining_objectives.own_text.comparing import (
    Compared,
    judged,
    prefix_lengths,
    unigram_loss,
)
from consilience.methods.pretraining_objectives.own_text.request import Training
from consilience.methods.pretraining_objectives.own_text.texts import read_texts
from consilience.methods.pretraining_objectives.own_text.training import learn
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings

__all__ = ["OBJECTIVES", "text"]

AR, DIVERSE, FIXED, MORE, VARIABLE, SUFFIX = (
    "AR", "diverse AR", "MLM 15 %", "MLM 40 %", "variable", "variable + suffix",
)  # fmt: skip
OBJECTIVES: Mapping[str, ObjectiveSettings] = {
    AR: ObjectiveSettings(name="ar"),
    DIVERSE: ObjectiveSettings(name="diverse-ar", offsets=4),
    FIXED: ObjectiveSettings(name="mlm", ratio="0.15"),
    MORE: ObjectiveSettings(name="mlm", ratio="0.4"),
    VARIABLE: ObjectiveSettings(name="variable-mlm"),
    SUFFIX: ObjectiveSettings(name="variable-mlm", pattern="mixture", suffix_share=0.5),
}
"""Next token, one of the next four, fixed and variable shares of hidden tokens, half of these suffixes."""
SOURCE = source_digest("pretraining_objectives")
"""Of the code that was loaded: models that other code trained are not taken up."""

Values = Float[np.ndarray, " seed"]


@dataclass(frozen=True)
class _Arm:
    """An objective on one seed."""

    loss: float
    """On held-out rows, in the objective's own terms."""
    layouts: tuple[Compared, ...]

    def layout(self, name: str) -> Compared:
        return next(one for one in self.layouts if one.layout == name)

    @property
    def best(self) -> float:
        """The mean loss over prefixes, in the layout that suits the model better."""
        return min(float(np.nanmean(list(one.losses.values()))) for one in self.layouts)


def text(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.text``.

    Parameters
    ----------
    config
        ``text`` and all that begins with it; ``device``.
    streams
        Unused: seeds are listed in the configuration.
    folder
        For the journal, and for models.

    Raises
    ------
    InvalidInput
        If the text, the shape of models or the device will not do.
    """
    del streams
    place = _place(config, folder)
    seeds = tuple(seed + 100 * config.seed for seed in config.text_seeds)
    requests = {(name, seed): _request(config, place, name, seed) for name in OBJECTIVES for seed in seeds}
    with _untouched():
        found = {key: _arm(request, folder, key[0]) for key, request in requests.items()}
        frequencies = unigram_loss(requests[AR, seeds[0]])
    arms = {name: [found[name, seed] for seed in seeds] for name in OBJECTIVES}
    return Evidence(
        measurements=tuple(_beside(arms, prefix_lengths(config.text_window)[0])),
        tables=(_table(config, arms, frequencies, seeds),),
        seeds=seeds,
    )


def _place(config: Config, folder: RunFolder) -> Path:
    """Return where models are kept: under the settings, the text and the code that decide them."""
    settings = {name: value for name, value in as_plain(config).items() if name.startswith("text_")}
    words = hashlib.sha256("\0".join(read_texts(Path(config.text))).encode()).hexdigest()
    identity = json.dumps([settings, config.device, words, SOURCE], sort_keys=True)
    return folder.path / "work" / f"text-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _request(config: Config, place: Path, name: str, seed: int) -> Training:
    return Training(
        text=Path(config.text),
        out=place / f"{list(OBJECTIVES).index(name)}-{OBJECTIVES[name].name}-{seed}",
        objective=OBJECTIVES[name],
        window=config.text_window,
        vocabulary=config.text_vocabulary,
        layers=config.text_layers,
        width=config.text_width,
        heads=config.text_heads,
        steps=config.text_steps,
        batch_size=config.text_batch,
        accumulate=config.text_accumulate,
        learning_rate=config.text_learning_rate,
        held_out=config.text_held_out,
        judged=True,
        save_every=config.text_save_every,
        device=config.device,
        seed=seed,
        quiet=True,
    )


def _arm(request: Training, folder: RunFolder, name: str) -> _Arm:
    outcome = learn(request)
    if not outcome.complete:
        raise KeyboardInterrupt
    layouts = tuple(judged(request, outcome.seen))
    folder.record("objective", objective=name, seed=request.seed, held_out_loss=outcome.held_out_loss)
    return _Arm(float("nan") if outcome.held_out_loss is None else outcome.held_out_loss, layouts)


@contextmanager
def _untouched() -> Iterator[None]:
    """Put global generators back, which transformers seeds."""
    state, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002  transformers seeds it; it is put back
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numbers)  # noqa: NPY002


def _beside(arms: Mapping[str, list[_Arm]], shortest: int) -> Iterator[Measurement]:
    best = {name: np.array([one.best for one in ones]) for name, ones in arms.items()}
    for words, lower, upper in (
        ("AR below MLM 15 %", AR, FIXED),
        ("AR below diverse AR", AR, DIVERSE),
        ("variable below MLM 15 %", VARIABLE, FIXED),
        ("variable + suffix below variable", SUFFIX, VARIABLE),
    ):
        yield _difference(
            f"{words}, next token",
            best[upper] - best[lower],
            "mean over prefixes, masked models in the layout that suits them better",
        )
    for name in (FIXED, VARIABLE):
        costs = [one.layout("full").losses[shortest] - one.layout("tight").losses[shortest] for one in arms[name]]
        yield _difference(
            f"{name}: what masks up to the end of the row cost", np.array(costs), f"after {shortest} tokens"
        )


def _difference(name: str, values: Values, note: str) -> Measurement:
    if len(values) == 1:
        return Measurement(name=name, value=values[0], unit="nats", note=f"{note}; one seed")
    found = mean(values)
    return Measurement(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        unit="nats",
        note=f"{note}; {len(values)} seeds, 95 % interval",
    )


def _table(config: Config, arms: Mapping[str, list[_Arm]], frequencies: float, seeds: tuple[int, ...]) -> Table:
    lengths = prefix_lengths(config.text_window)
    rows: list[tuple[str | float | None, ...]] = []
    for name, ones in arms.items():
        for own in ones[0].layouts:
            alike = [one.layout(own.layout) for one in ones]
            rows.append(
                (
                    name,
                    own.layout,
                    float(f"{own.seen / 1e6:.3g}"),
                    float(f"{own.predicted / 1e6:.3g}"),
                    _spread([one.loss for one in ones]),
                    *(_spread([one.losses[length] for one in alike]) for length in lengths),
                )
            )
    plain = f"{frequencies:.3f}"
    rows.append(("frequencies of tokens", "", None, None, None, *[plain] * len(lengths)))
    return Table(
        title="Objectives on rows that were not trained on, loss in nats",
        columns=(
            "objective",
            "layout",
            "million tokens seen",
            "million targets",
            "own loss",
            *(f"next token after {length}" for length in lengths),
        ),
        rows=tuple(rows),
        note=f"{config.text}: up to {config.text_vocabulary} byte pairs; {config.text_layers} layers of width "
        f"{config.text_width}, rows of {config.text_window} tokens, {config.text_steps} steps of "
        f"{config.text_batch * config.text_accumulate} rows. Seeds {', '.join(map(str, seeds))}; +-: standard "
        "deviation over them. An objective's own loss compares with no other's; the next token is asked of all.",
    )


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f}" + (f" +- {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")

"""Which objective connects more on texts of one's own: rows of numbers, a table, a picture."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.connection import Connection, LabelledTokens
from consilience.methods.pretraining_objectives.corpus import Corpus, docstring_corpus
from consilience.methods.pretraining_objectives.drawing import COLOURS, plain, require_picture, save_picture
from consilience.methods.pretraining_objectives.joint import cooccurrence
from consilience.methods.pretraining_objectives.label_folders import label_folders
from consilience.methods.pretraining_objectives.own_text.texts import read_texts
from consilience.methods.pretraining_objectives.probe import Probed
from consilience.methods.pretraining_objectives.spectra import spectrum as spectrum_of
from consilience.methods.pretraining_objectives.targets import as_targets
from consilience.methods.pretraining_objectives.words import Lexicon

__all__ = ["report"]

Row = dict[str, str | float | None]

HEADINGS = {
    "targets": "targets",
    "second_singular_value": "second",
    "residual": "residual",
    "tail": "tail",
    "next_token_kept": "next, %",
    "error_bound": "bound",
    "probe": "probe, %",
    "few_labels": "few, %",
}
"""Columns of the table, narrow enough for any terminal; JSON has all there is."""
MEANINGS = {
    "second_singular_value": "singular value after the first, which is 1",
    "residual": "first singular value beyond the features",
    "tail": "squares of all singular values beyond the features",
    "next_token_kept": "of what features of this width could keep of the next token's matrix, kept",
    "error_bound": "what the error of a probe on single tokens cannot exceed; 1 or more says nothing",
    "probe": "documents that a linear probe on mean features labels right",
    "few_labels": "the same with five labelled documents a label",
}
SHARES = ("next_token_kept", "probe", "few_labels")
"""Kept as shares, shown in percent."""


def report(
    text: Path | None,
    targets: tuple[str, ...],
    *,
    labelled: bool,
    vocabulary: int,
    rank: int,
    seed: int,
    picture: Path | None,
    json: bool,
) -> None:
    """Measure objectives on a corpus and print what was found; see `spectrum_verb.spectrum`.

    Parameters
    ----------
    text
        A folder or a file; the docstrings of this Python when None.
    targets
        Names that `as_targets` reads.
    labelled
        Whether subfolders of `text` are labels.
    vocabulary, rank, seed
    picture
        File for a picture, if any.
    json
        Whether to print JSON in place of a table.

    Raises
    ------
    InvalidInput
        If there is nothing to measure, or a name or a number is out of range.
    """
    chosen = [as_targets(name).name for name in dict.fromkeys(targets)]
    if not chosen:
        raise InvalidInput("--targets must name at least one objective, such as ahead:1")
    if picture is not None:
        require_picture(picture)
    if text is None or labelled:
        corpus = docstring_corpus() if text is None else label_folders(text)
        rows, values = _labelled(corpus, chosen, vocabulary, rank, seed)
        note = corpus.note
    else:
        texts = read_texts(text)
        rows, values = _unlabelled(texts, chosen, vocabulary, rank)
        note = f"{len(texts)} documents without labels"
    if picture is not None:
        _draw(values, picture)
    if not json:
        _show(rows, note, rank)
        return
    record = jsonlib.dumps({"corpus": note, "rank": rank, "objectives": rows}, indent=2, allow_nan=False)
    Console(soft_wrap=True, highlight=False).print(record, markup=False)


def _labelled(
    corpus: Corpus, chosen: list[str], vocabulary: int, rank: int, seed: int
) -> tuple[list[Row], dict[str, list[float]]]:
    tokens = LabelledTokens.of(corpus, vocabulary=vocabulary, rank=rank, seed=seed)
    found = {name: tokens.connection(name) for name in chosen}
    rows = [_row(one) for one in found.values()]
    rows += [{"targets": name, **_probes(one)} for name, one in tokens.baselines(seed).items()]
    rows.append({"targets": "commonest label", "probe": tokens.folds.commonest})
    return rows, {name: one.spectrum.values.tolist() for name, one in found.items()}


def _row(one: Connection) -> Row:
    rank = one.bound.rank
    return {
        "targets": one.targets,
        **_connected(one.targets, one.spectrum.values, one.bound.residual, one.spectrum.tail(rank)),
        "next_token_kept": one.next_token,
        "alpha": one.bound.alpha,
        "error_bound": one.bound.error_bound,
        **_probes(one.probed),
    }


def _probes(one: Probed) -> Row:
    return {"probe": one.accuracy, "few_labels": float(one.few.mean())}


def _connected(name: str, values: np.ndarray, residual: float, tail: float) -> Row:
    effective = as_targets(name).effective
    return {
        "effective_targets": effective if np.isfinite(effective) else None,
        "second_singular_value": float(values[1]),
        "residual": residual,
        "tail": tail,
    }


def _unlabelled(
    texts: Sequence[str], chosen: list[str], vocabulary: int, rank: int
) -> tuple[list[Row], dict[str, list[float]]]:
    lexicon = Lexicon.learned(texts, vocabulary)
    if lexicon.size <= rank + 1:
        raise InvalidInput(f"--rank must be below the number of words less one, {lexicon.size - 1}; got {rank}")
    documents: list[Int[np.ndarray, " _"]] = [lexicon.encode(text) for text in texts]
    rows, values = [], {}
    for name in chosen:
        found = spectrum_of(cooccurrence(documents, name, size=lexicon.size), rank)
        rows.append({"targets": name, **_connected(name, found.values, found.residual(rank), found.tail(rank))})
        values[name] = found.values.tolist()
    return rows, values


def _show(rows: list[Row], note: str, rank: int) -> None:
    columns = [name for name in HEADINGS if any(row.get(name) is not None for row in rows)]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(HEADINGS[name], justify="left" if name == "targets" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(name, row.get(name)) for name in columns))
    console = Console(soft_wrap=True, highlight=False)
    console.print(note, markup=False)
    console.print(table)
    meanings = {name: text for name, text in MEANINGS.items() if name in columns}
    console.print("\n".join(f"{HEADINGS[name]}: {text}" for name, text in meanings.items()), markup=False)
    console.print(f"Features of width {rank}. The sooner singular values fall, the more tokens are connected.")


def _cell(name: str, value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{100 * value:.1f}" if name in SHARES else f"{value:.3g}"


def _draw(values: dict[str, list[float]], path: Path) -> None:
    canvas = Figure(figsize=(4.6, 3.6), layout="constrained")
    axes = canvas.subplots()
    for number, (name, line) in enumerate(values.items()):
        axes.plot(np.arange(1, len(line) + 1), line, color=COLOURS[number % len(COLOURS)], linewidth=1.6, label=name)
    axes.set(xscale="log", yscale="log", xlabel="rank", ylabel="singular value")
    axes.legend(frameon=False, fontsize=8, labelcolor="linecolor")
    plain(axes)
    save_picture(canvas, path)

"""The room's own verbs: fit a CSV file, predict another, and find out whether it was worth it.

``consilience convex-networks fit | predict | compare``
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import pandas as pd
import tyro
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.convex_networks import comparison
from consilience.methods.convex_networks.comparison import CONVEX, Comparison
from consilience.methods.convex_networks.embeddings import (
    BUNDLED,
    LATENT_SEMANTICS,
    CachedEmbedder,
    Embedder,
    LatentSemantics,
    SentenceEmbedder,
)
from consilience.methods.convex_networks.estimators import ConvexReLUClassifierCV, ConvexReLURegressorCV
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink
from consilience.methods.convex_networks.saved import Header, SavedModel
from consilience.methods.convex_networks.table import (
    CategoricalColumn,
    TextColumn,
    encode,
    learn_columns,
    read_table,
    split_target,
)

Repeated = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="COLUMN")]
TaskOrAuto = Literal["auto", "classification", "regression"]


def fit(
    csv: Path,
    /,
    *,
    target: str,
    out: Path,
    text_column: Repeated = (),
    drop: Repeated = (),
    task: TaskOrAuto = "auto",
    embedder: str = BUNDLED,
    cache: Path | None = None,
    seed: int = 0,
) -> None:
    """Fit a convex network to a CSV file and keep it as a folder.

    Parameters
    ----------
    csv
        Comma-separated file with a heading line.
    target
        Column to predict.
    out
        Folder for the model; an earlier model there is replaced.
    text_column
        Column of texts to embed; may be repeated.
    drop
        Column to leave out; may be repeated.
    task
        What the target holds; auto takes strings and few whole numbers for classes.
    embedder
        For texts: all-MiniLM-L6-v2 (needs consilience[text], no network), tfidf (a bag of words, no extra), a folder,
        or a name that sentence-transformers knows.
    cache
        Folder that keeps embeddings between calls.
    seed
        Decides the gates.
    """
    console = Console(soft_wrap=True)
    frame, values, decided = split_target(read_table(csv, as_text=text_column), target, task)
    columns, notes = learn_columns(frame, text_columns=text_column, drop=drop)
    embed = _embedders(text_column, embedder, cache)(frame)
    features, names = encode(columns, frame, embed)
    estimator = (ConvexReLUClassifierCV if decided == "classification" else ConvexReLURegressorCV)(random_state=seed)
    estimator.fit(features, values)
    network = cast("GatedNetwork", estimator.network_)
    classes, link = None, None
    if decided == "classification":
        classes = tuple(estimator.classes_.tolist())
        link = ProbabilityLink(scale=float(estimator.probability_scale_), bias=np.asarray(estimator.probability_bias_))
    header = Header(
        task=decided,
        target=target,
        columns=columns,
        feature_names=tuple(names),
        classes=classes,
        sentence_model=embedder if text_column and embedder != LATENT_SEMANTICS else None,
        probability_scale=None if link is None else link.scale,
        notes=notes,
        summary={"rows": len(frame), "alpha": float(estimator.alpha_), "duality_gap": float(estimator.duality_gap_)},
    )
    semantics = embed if isinstance(embed, LatentSemantics) else None
    SavedModel(header=header, network=network, link=link, semantics=semantics).save(out)
    for note in notes:
        console.print(f"note: {note}", markup=False)
    what = f"{len(classes)} classes" if classes is not None else "a quantity"
    console.print(
        f"{decided} of {target!r} ({what}) from {len(frame)} rows and {features.shape[1]} features: "
        f"{network.n_gates} gates, alpha {estimator.alpha_:.3g} by leave-one-out, relative duality gap "
        f"{estimator.duality_gap_:.1e}; saved in {out}",
        markup=False,
        highlight=False,
    )
    if estimator.linear_is_enough_:
        console.print("A linear model is enough here: it is within one standard error, leave-one-out.")


def predict(model: Path, csv: Path, /, *, out: Path | None = None, cache: Path | None = None) -> None:
    """Predict the rows of a CSV file with a model that fit kept.

    Parameters
    ----------
    model
        Folder of the model.
    csv
        Comma-separated file with the columns of training.
    out
        File for the predictions, one line a row; standard output unless given.
    cache
        Folder that keeps embeddings between calls.
    """
    saved = SavedModel.load(model)
    words = [column.name for column in saved.header.columns if isinstance(column, TextColumn | CategoricalColumn)]
    frame = read_table(csv, as_text=words)
    embed = saved.embedder()
    if isinstance(embed, SentenceEmbedder):
        embed = _cached(embed, cache)
    predictions = saved.predict(frame, embed).to_csv(index=False, lineterminator="\n")
    if out is None:
        sys.stdout.write(predictions)
    else:
        write_whole(out, predictions)


def compare(
    csv: Path,
    /,
    *,
    target: str,
    out: Path,
    text_column: Repeated = (),
    drop: Repeated = (),
    task: TaskOrAuto = "auto",
    embedder: str = BUNDLED,
    cache: Path | None = None,
    folds: int = 5,
    seed: int = 0,
    quiet: bool = False,
) -> None:
    """Compare the convex network on a CSV file with what one would use otherwise, by nested cross-validation.

    Parameters
    ----------
    csv
        Comma-separated file with a heading line.
    target
        Column to predict.
    out
        Folder for comparison.json, comparison.svg and comparison.png; an interrupted comparison goes on from there.
    text_column
        Column of texts to embed; may be repeated.
    drop
        Column to leave out; may be repeated.
    task
        What the target holds; auto takes strings and few whole numbers for classes.
    embedder
        For texts: all-MiniLM-L6-v2 (needs consilience[text], no network), tfidf (a bag of words, no extra), a folder,
        or a name that sentence-transformers knows.
    cache
        Folder that keeps embeddings between calls.
    folds
        Outer parts; each is predicted by models that never saw it.
    seed
        Decides the parts and the randomness of the models.
    quiet
        Report no progress.
    """
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"--out must name a folder; {out} is a file.")
    frame, values, decided = split_target(read_table(csv, as_text=text_column), target, task)
    result = comparison.compare(
        frame,
        values,
        decided,
        name=target,
        text_columns=text_column,
        drop=drop,
        embedder=_embedders(text_column, embedder, cache),
        folds=folds,
        seed=seed,
        resume=out / "steps",
        quiet=quiet,
    )
    write_whole(out / "comparison.json", TypeAdapter(Comparison).dump_json(result, indent=2))
    _draw(result, out)
    _show(result, Console())
    Console(soft_wrap=True).print(f"written to {out}: comparison.json, comparison.svg, comparison.png", markup=False)


VERBS: Mapping[str, Callable[..., None]] = {"fit": fit, "predict": predict, "compare": compare}
"""What ``consilience convex-networks`` can do."""


def _embedders(
    text_columns: tuple[str, ...], name: str, cache: Path | None
) -> Callable[[pd.DataFrame], Embedder | None]:
    """Return what makes an embedder from training rows: one for all where it is pretrained, else one for each."""
    if not text_columns:
        return lambda _: None
    if name == LATENT_SEMANTICS:
        return lambda frame: LatentSemantics.fit(frame[list(text_columns)].fillna("").to_numpy(str).ravel().tolist())
    shared = _cached(SentenceEmbedder(name), cache)
    return lambda _: shared


def _cached(embedder: SentenceEmbedder, folder: Path | None) -> CachedEmbedder:
    """Keep what an embedder answers; only what outlives it has to tell it from another model of the same name."""
    return CachedEmbedder(embedder, name=embedder.model if folder is None else embedder.identity, folder=folder)


def _draw(result: Comparison, out: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415 - a second of start-up, spent only where a picture is drawn

    figure = comparison.picture(result)
    with mpl.rc_context({"svg.hashsalt": "comparison", "svg.fonttype": "none"}):
        for suffix in ("svg", "png"):
            aside = out / f".comparison.{suffix}"
            figure.savefig(aside, format=suffix, dpi=160, metadata={"Date": None} if suffix == "svg" else None)
            aside.replace(out / f"comparison.{suffix}")


def _show(result: Comparison, console: Console) -> None:
    percent = result.metric == "accuracy"
    factor, digits, unit = (100.0, 1, " %") if percent else (1.0, 3, "")

    def spelled(value: float, margin: float, sign: str = "") -> str:
        return f"{round(factor * value, digits) + 0.0:{sign}.{digits}f} ± {factor * margin:.{digits}f}"

    table = Table(
        title=f"{result.target}: {result.n_rows} rows, {result.folds} folds, seed {result.seed}",
        caption="± half a 95% interval over folds, corrected for overlapping training parts; CPU time on one thread",
    )
    table.add_column("model")
    for heading in (f"{result.metric}{unit}", "minus convex", "fit ms", "fit ratio"):
        table.add_column(heading, justify="right")
    for standing in result.standings:
        itself = standing.model == CONVEX
        table.add_row(
            standing.model,
            spelled(standing.score, standing.margin),
            "" if itself else spelled(standing.gain, standing.gain_margin, "+"),
            f"{1000 * standing.fit_s:.3g}",
            f"{standing.fit_ratio:.3g}",
            style="bold" if itself else None,
        )
    console.print(table)
    for note in result.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    console.print(result.verdict, markup=False, highlight=False, soft_wrap=True)

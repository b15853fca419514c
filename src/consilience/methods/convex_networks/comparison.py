"""Is it worth it here? Nested cross-validation of the convex network beside what one would use otherwise.

Every model chooses its settings in an inner loop that sees the training part alone, from a grid of comparable size, and
is judged on the outer part it never saw. Columns are learned on each training part anew. Fits are timed in CPU seconds
on one thread at the chosen settings, so that ratios mean something on a busy machine.
"""

from __future__ import annotations

import hashlib
import math
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sklearn
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.ground.laboratory import source_digest
from consilience.ground.progress import Progress
from consilience.methods.convex_networks.embeddings import Embedder
from consilience.methods.convex_networks.estimators import ConvexReLUClassifierCV, ConvexReLURegressorCV
from consilience.methods.convex_networks.table import Task, encode, learn_columns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONVEX = "convex network"
"""Name of the model the others are compared with."""

TRIVIAL = ("most frequent class", "mean of the target")
"""Names of the models that look at the target alone."""

CONFIDENCE = 0.95
"""Probability that the printed intervals aim at."""

INNER_FOLDS = 3
"""Parts of the inner loop that chooses settings."""


@plain_dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model, the settings it may choose from, and whether it is linear."""

    name: str
    estimator: Any
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    linear: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One model on one outer fold."""

    model: str
    fold: int
    score: float
    """Accuracy or R2 on the outer part."""
    fit_s: float
    """CPU seconds of one fit on the training part at the chosen settings, one thread."""
    settings: dict[str, str]
    """What the inner loop chose."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One model over all outer folds."""

    model: str
    linear: bool
    score: float
    """Mean over outer folds."""
    margin: float
    """Half the interval of the mean."""
    standard_error: float
    """Standard error of the mean, corrected for overlapping training parts."""
    gain: float
    """Mean paired difference from the convex network, positive where this model is better."""
    gain_margin: float
    """Half the interval of the difference."""
    fit_s: float
    """Median CPU seconds of a fit."""
    fit_ratio: float
    """Fit time divided by that of the convex network."""
    settings: str
    """The most frequent choice of the inner loop."""
    scores: tuple[float, ...]
    """Score of each fold."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Every model side by side, the best first, and what to make of it."""

    task: Task
    target: str
    """What was predicted."""
    metric: str
    """``"accuracy"`` or ``"R2"``."""
    n_rows: int
    folds: int
    seed: int
    standings: tuple[Standing, ...]
    verdict: str
    """One sentence: whether a linear model is enough, and if not, which model to take."""
    notes: tuple[str, ...]
    """What was done to the columns."""


def candidates(task: Task, seed: int) -> tuple[Candidate, ...]:
    """List the models of a comparison, the trivial one first, each with a grid of about four settings."""
    boosting_grid: dict[str, list[Any]] = {"learning_rate": [0.05, 0.1], "max_leaf_nodes": [7, 31]}
    mlp_grid: dict[str, list[Any]] = {"hidden_layer_sizes": [(100,), (200,)], "alpha": [1e-4, 1e-2]}
    convex_grid: dict[str, list[Any]] = {"n_gates": [50, 200], "gates": ["datum", "pair"]}
    if task == "classification":
        return (
            Candidate(name=TRIVIAL[0], estimator=DummyClassifier()),
            Candidate(
                name="logistic regression",
                estimator=LogisticRegression(max_iter=2000),
                grid={"C": [0.01, 0.1, 1.0, 10.0]},
                linear=True,
            ),
            Candidate(name="support vectors", estimator=SVC(), grid={"C": [0.1, 1.0, 10.0, 100.0]}),
            Candidate(name="perceptron (MLP)", estimator=MLPClassifier(random_state=seed), grid=mlp_grid),
            Candidate(
                name="gradient boosting",
                estimator=HistGradientBoostingClassifier(random_state=seed),
                grid=boosting_grid,
            ),
            Candidate(name=CONVEX, estimator=ConvexReLUClassifierCV(random_state=seed), grid=convex_grid),
        )
    return (
        Candidate(name=TRIVIAL[1], estimator=DummyRegressor()),
        Candidate(name="ridge regression", estimator=Ridge(), grid={"alpha": [0.1, 1.0, 10.0, 100.0]}, linear=True),
        Candidate(
            name="support vectors",
            estimator=TransformedTargetRegressor(SVR(), transformer=StandardScaler()),
            grid={"regressor__C": [0.1, 1.0, 10.0, 100.0]},
        ),
        Candidate(
            name="perceptron (MLP)",
            estimator=TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler()),
            grid={f"regressor__{name}": values for name, values in mlp_grid.items()},
        ),
        Candidate(
            name="gradient boosting", estimator=HistGradientBoostingRegressor(random_state=seed), grid=boosting_grid
        ),
        Candidate(name=CONVEX, estimator=ConvexReLURegressorCV(random_state=seed), grid=convex_grid),
    )


def compare(
    frame: pd.DataFrame,
    target: np.ndarray,
    task: Task,
    *,
    name: str = "target",
    models: Sequence[Candidate] | None = None,
    text_columns: Sequence[str] = (),
    drop: Sequence[str] = (),
    embedder: Callable[[pd.DataFrame], Embedder | None] = lambda _: None,
    folds: int = 5,
    seed: int = 0,
    resume: Path | None = None,
    quiet: bool = False,
) -> Comparison:
    """Run the nested cross-validation.

    Parameters
    ----------
    frame
        The rows, without the target.
    target
        Class or quantity of each row.
    task
        Which of the two.
    name
        What the target is called.
    models
        What to compare; `candidates` unless given. One of them must be called "convex network".
    text_columns, drop
        As in `learn_columns`.
    embedder
        Makes an embedder from the training rows.
    folds
        Number of outer parts, at least 2.
    seed
        Decides the parts and the randomness of the models.
    resume
        Folder that keeps the outcome of each model on each fold, so that an interrupted run goes on where it was. They
        are kept under rows and features of the fold, models with their grids, and code: after another embedder, another
        grid or another version everything is measured anew.
    quiet
        Report no progress.

    Returns
    -------
    Comparison
        The same for the same arguments, but for the times.

    Raises
    ------
    InvalidInput
        Before anything is fitted: when a class has fewer rows than there are folds, there are too few rows, or a column
        will not do, as in `learn_columns`.
    """
    models = candidates(task, seed) if models is None else models
    _require_rows(target, task, folds)
    _, notes = learn_columns(frame, text_columns=text_columns, drop=drop)
    outer = (StratifiedKFold if task == "classification" else KFold)(folds, shuffle=True, random_state=seed)
    outcomes: list[Outcome] = []
    with Progress("comparison", total=folds * len(models), quiet=quiet) as progress:
        for fold, (train, test) in enumerate(outer.split(frame, target)):
            columns, _ = learn_columns(frame.iloc[train], text_columns=text_columns, drop=drop)
            embed = embedder(frame.iloc[train])
            X_train, X_test = (encode(columns, frame.iloc[rows], embed)[0] for rows in (train, test))
            parts = (X_train, X_test), (target[train], target[test])
            journal = _Journal(None if resume is None else resume / _key(*parts, models, seed)[:16])
            for model in models:
                stage = f"fold {fold + 1}, {model.name}"
                progress.begin(stage)
                outcome = journal.kept(model.name, fold) or journal.keep(
                    _judge(model, fold, (X_train, target[train]), (X_test, target[test]), task=task, seed=seed)
                )
                outcomes.append(outcome)
                progress.end(stage, f"{outcome.score:.3f} in {outcome.fit_s:.3g} s")
    standings = _standings(outcomes, models, folds)
    return Comparison(
        task=task,
        target=name,
        metric="accuracy" if task == "classification" else "R2",
        n_rows=len(target),
        folds=folds,
        seed=seed,
        standings=standings,
        verdict=_verdict(standings),
        notes=notes,
    )


def picture(comparison: Comparison) -> Figure:
    """Draw the score of each model with its interval, and each fold as a dot."""
    from matplotlib.figure import Figure  # noqa: PLC0415  a second of start-up, spent only where a picture is drawn

    shown = comparison.standings[::-1]
    percent = 100.0 if comparison.metric == "accuracy" else 1.0
    figure = Figure(figsize=(7.2, 0.5 * len(shown) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(*_span(shown, percent))
    for height, standing in enumerate(shown):
        colour = "#b5482a" if standing.model == CONVEX else "#3b5b7a"
        score = percent * standing.score
        if score < axes.get_xlim()[0]:
            axes.annotate(
                f"◂ {score:.3g}", (0.01, height), xycoords=("axes fraction", "data"), va="center", color=colour
            )
        else:
            folds = percent * np.array(standing.scores)
            axes.scatter(folds, [height] * folds.size, s=14, color=colour, alpha=0.35, linewidths=0)
            axes.errorbar(score, height, xerr=percent * standing.margin, fmt="o", color=colour, capsize=3)
        ratio = "1" if standing.model == CONVEX else f"{standing.fit_ratio:.2g}"
        axes.annotate(ratio, (1.03, height), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    axes.annotate("fit time, x", (1.03, len(shown) - 0.4), xycoords=("axes fraction", "data"), fontsize=9)
    axes.set_yticks(range(len(shown)), [standing.model for standing in shown])
    axes.set_ylim(-0.6, len(shown) - 0.1)
    unit = ", %" if comparison.metric == "accuracy" else ""
    axes.set_xlabel(f"{comparison.metric}{unit} (dots: {comparison.folds} folds, bars: 95% interval of the mean)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _span(standings: Sequence[Standing], percent: float) -> tuple[float, float]:
    """Return the horizontal limits that show every model but the trivial one, which would dwarf the rest."""
    learned = [standing for standing in standings if standing.model not in TRIVIAL]
    low = min(min(standing.score - standing.margin, *standing.scores) for standing in learned)
    high = max(max(standing.score + standing.margin, *standing.scores) for standing in learned)
    padding = 0.05 * (high - low) + 1e-3
    return percent * (low - padding), percent * (high + padding)


def _judge(
    model: Candidate,
    fold: int,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    task: Task,
    seed: int,
) -> Outcome:
    """Choose settings on the training part, fit once more against the clock, score on the other part."""
    inner = (StratifiedKFold if task == "classification" else KFold)(INNER_FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a perceptron that stops early is judged as it is
        chosen: dict[str, Any] = {}
        if model.grid:
            chosen = GridSearchCV(model.estimator, dict(model.grid), cv=inner, refit=False).fit(*train).best_params_
        estimator = clone(model.estimator).set_params(**chosen)
        start = time.process_time()
        estimator.fit(*train)
        fit_s = time.process_time() - start
        score = float(estimator.score(*test))
    settings = {name.removeprefix("regressor__"): str(value) for name, value in chosen.items()}
    return Outcome(model=model.name, fold=fold, score=score, fit_s=fit_s, settings=settings)


def _standings(outcomes: Sequence[Outcome], models: Sequence[Candidate], folds: int) -> tuple[Standing, ...]:
    by_model = {model.name: [outcome for outcome in outcomes if outcome.model == model.name] for model in models}
    scores = {name: np.array([outcome.score for outcome in found]) for name, found in by_model.items()}
    times = {name: float(np.median([outcome.fit_s for outcome in found])) for name, found in by_model.items()}
    standings = []
    for model in models:
        error, margin = _uncertainty(scores[model.name], folds)
        gains = scores[model.name] - scores[CONVEX]
        gain_margin = _uncertainty(gains, folds)[1]
        settings = Counter(
            ", ".join(f"{name}={value}" for name, value in outcome.settings.items()) for outcome in by_model[model.name]
        )
        score, gain = float(scores[model.name].mean()), float(gains.mean())
        standings.append(
            Standing(
                model=model.name,
                linear=model.linear,
                score=score,
                margin=margin,
                standard_error=error,
                gain=gain,
                gain_margin=gain_margin,
                fit_s=times[model.name],
                fit_ratio=times[model.name] / max(times[CONVEX], 1e-9),
                settings=settings.most_common(1)[0][0],
                scores=tuple(scores[model.name].tolist()),
            )
        )
    return tuple(sorted(standings, key=lambda standing: -standing.score))


def _uncertainty(values: np.ndarray, folds: int) -> tuple[float, float]:
    """Return the standard error of a cross-validated mean and the half-width of its interval.

    Training parts overlap, so the variance of a fold's score is inflated by the share of test to training rows (Nadeau
    and Bengio, Machine Learning 52, 2003).
    """
    error = math.sqrt(float(values.var(ddof=1)) * (1 / folds + 1 / (folds - 1)))
    return error, error * float(student.ppf(0.5 + CONFIDENCE / 2, folds - 1))


def _verdict(standings: Sequence[Standing]) -> str:
    best = standings[0]
    linear = next(standing for standing in standings if standing.linear)
    convex = next(standing for standing in standings if standing.model == CONVEX)
    near = best.score - best.standard_error
    if linear is best:
        return f"A linear model is enough here: nothing scored above {linear.model}."
    if linear.score >= near:
        return f"A linear model is enough here: {linear.model} is within one standard error of the best, {best.model}."
    beyond = f"A linear model is not enough here: {linear.model} is more than one standard error behind {best.model}"
    if convex is best:
        return f"{beyond}."
    where = "is within one standard error of it" if convex.score >= near else "is too"
    return f"{beyond}; the convex network {where}."


def _require_rows(target: np.ndarray, task: Task, folds: int) -> None:
    if folds < 2:  # noqa: PLR2004
        raise InvalidInput(f"`folds` must be at least 2; got {folds}.")
    if task == "regression":
        if len(target) < 2 * folds * INNER_FOLDS:
            raise InvalidInput(f"{folds} folds need at least {2 * folds * INNER_FOLDS} rows; got {len(target)}.")
        return
    labels, counts = np.unique(target, return_counts=True)
    needed = max(folds, INNER_FOLDS + math.ceil(INNER_FOLDS / (folds - 1)))
    if counts.min() < needed:
        label = str(labels[counts.argmin()])
        raise InvalidInput(
            f"{folds} folds need at least {needed} rows of each class; class {label!r} has {counts.min()}: "
            "remove or join rare classes, or ask for fewer --folds."
        )


def _key(features: Sequence[np.ndarray], targets: Sequence[np.ndarray], models: Sequence[Candidate], seed: int) -> str:
    """Return a digest of all that decides the outcomes of a fold: features and targets, models, seed and code."""
    digest = hashlib.sha256(f"{source_digest('convex_networks')} {sklearn.__version__} {seed}".encode())
    with np.printoptions(threshold=sys.maxsize):  # a long array would be told by its ends
        digest.update(repr([_spelled(model) for model in models]).encode())
    for part in (*features, *map(pd.util.hash_array, targets)):
        digest.update(f"{part.shape} {part.dtype}".encode() + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _spelled(model: Candidate) -> tuple[object, ...]:
    kind = type(model.estimator)
    return (
        model.name,
        kind.__module__,
        kind.__qualname__,
        sorted(model.estimator.get_params().items()),
        sorted(model.grid.items()),
    )


class _Journal:
    """Outcomes on disk; without a folder it forgets."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def kept(self, model: str, fold: int) -> Outcome | None:
        if self.folder is None:
            return None
        try:
            return TypeAdapter(Outcome).validate_json(self._file(self.folder, model, fold).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, outcome: Outcome) -> Outcome:
        if self.folder is not None:
            file = self._file(self.folder, outcome.model, outcome.fold)
            write_whole(file, TypeAdapter(Outcome).dump_json(outcome))
        return outcome

    @staticmethod
    def _file(folder: Path, model: str, fold: int) -> Path:
        return folder / f"{model.replace(' ', '-')}-{fold}.json"

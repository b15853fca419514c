"""CSV files as features and a target: what a column holds, how it becomes numbers, what is wrong with it.

Columns are learned on training rows and replayed on others: numbers are standardised and missing ones replaced by the
median, categories become indicators (an unknown one is all zeros, a missing one the most frequent), texts become
embeddings. Everything learned is a few numbers and strings, kept without code.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.convex_networks.embeddings import Embedder

Task = Literal["classification", "regression"]

MOST_CATEGORIES = 50
"""A column of more distinct strings than this is text or an identifier, not a category."""

MOST_CLASSES = 20
"""A target of more distinct whole numbers than this is a quantity, not a class."""

MOSTLY = 0.5
"""A column of strings of which more than this share are numbers was meant to hold numbers."""


_TRUTH = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """Numbers, standardised by their mean and standard deviation on the training rows."""

    kind: Literal["numeric"] = "numeric"
    name: str
    """Heading of the column."""
    fill: float
    """What stands in for a missing value: the median."""
    center: float
    """What is subtracted."""
    scale: float
    """What the rest is divided by, positive."""

    def features(self, column: pd.Series, _: Embedder | None) -> Float[np.ndarray, "row 1"]:
        """Return one standardised feature."""
        numbers = _numbers(column, advice=f"correct them, or fit again with --drop {column.name}")
        return ((numbers.fillna(self.fill).to_numpy(np.float64) - self.center) / self.scale)[:, None]

    def feature_names(self, _: int) -> list[str]:
        """Return the heading."""
        return [self.name]


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """A few distinct strings, one indicator each."""

    kind: Literal["categorical"] = "categorical"
    name: str
    """Heading of the column."""
    fill: str
    """What stands in for a missing value: the most frequent category."""
    categories: tuple[str, ...]
    """The categories of the training rows; others have no indicator."""

    def features(self, column: pd.Series, _: Embedder | None) -> Float[np.ndarray, "row category"]:
        """Return one indicator a category."""
        values = _strings(column, self.fill)
        return np.column_stack([values == category for category in self.categories]).astype(np.float64)

    def feature_names(self, _: int) -> list[str]:
        """Return heading and category."""
        return [f"{self.name}={category}" for category in self.categories]


@dataclass(frozen=True, kw_only=True)
class TextColumn:
    """Texts, embedded as vectors whose entries are of order one."""

    kind: Literal["text"] = "text"
    name: str
    """Heading of the column."""

    def features(self, column: pd.Series, embedder: Embedder | None) -> Float[np.ndarray, "row feature"]:
        """Return the embedding of each text, times the root of its dimension; a missing text is an empty one."""
        if embedder is None:
            raise InvalidInput(f"column {self.name!r} holds text and needs an embedder; got none.")
        vectors = np.asarray(embedder(_strings(column, "").tolist()), dtype=np.float64)
        return vectors * math.sqrt(vectors.shape[1])

    def feature_names(self, width: int) -> list[str]:
        """Return heading and position."""
        return [f"{self.name}[{position}]" for position in range(width)]


Column = Annotated[NumericColumn | CategoricalColumn | TextColumn, Field(discriminator="kind")]


def read_table(path: Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV file whole.

    Parameters
    ----------
    path
        A comma-separated file with a heading line, in UTF-8.
    as_text
        Columns to read as strings even where they look like numbers; those that the file lacks are passed over.

    Returns
    -------
    pandas.DataFrame
        One row a line, missing values as NaN.

    Raises
    ------
    InvalidInput
        When the file is absent, empty, not a table, separated by something else, or has no rows; when two columns have
        one heading, or rows have a value more than there are headings.
    """
    try:
        # Without a heading a longer first row is refused; below, pandas would take its first value for an index.
        heading = pd.read_csv(path, header=None, nrows=2, dtype=str, keep_default_na=False).iloc[0]
        frame = pd.read_csv(path, dtype=dict.fromkeys(as_text, str))
        words = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name])]
        if set(words) - set(as_text):  # what is no number is read as written: TRUE beside blanks stays TRUE
            frame = pd.read_csv(path, dtype=dict.fromkeys([*as_text, *words], str))
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable CSV file; {error.strerror or error}.") from error
    except pd.errors.EmptyDataError as error:
        raise InvalidInput(f"{path} must hold a heading line and rows; it is empty.") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} must be a comma-separated table in UTF-8; {str(error).strip()}: save it anew."
        ) from error
    if twice := [str(name) for name in heading[heading.duplicated() & (heading != "")]]:
        raise InvalidInput(f"{path} must have a heading of its own for every column; twice there is {twice[0]!r}.")
    if len(frame.columns) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs")):
            if mark in str(frame.columns[0]):
                raise InvalidInput(
                    f"{path} must be separated by commas; its heading is separated by {name}: save it anew."
                )
    if frame.empty:
        raise InvalidInput(f"{path} must hold at least one row below its heading; got none.")
    return frame


def split_target(
    frame: pd.DataFrame, target: str, task: Task | Literal["auto"] = "auto"
) -> tuple[pd.DataFrame, np.ndarray, Task]:
    """Take the target column out of a table and decide what kind of learning it asks for.

    Parameters
    ----------
    frame
        The whole table.
    target
        Heading of the column to predict.
    task
        With ``"auto"``, strings, booleans and up to 20 distinct whole numbers are classes, other numbers quantities.

    Returns
    -------
    tuple of DataFrame, array and task
        The other columns, the target (strings, whole numbers or floats) and what was decided.

    Raises
    ------
    UnknownName
        When there is no such column; near ones are named.
    InvalidInput
        When there are fewer than two rows, values are missing or infinite, all the same, or of two kinds.
    """
    _require_columns(frame, [target])
    column = frame[target]
    if len(frame) < 2:  # noqa: PLR2004
        raise InvalidInput(f"learning needs at least two rows; got {len(frame)}.")
    if column.isna().any():
        rows = _rows(column.isna())
        raise InvalidInput(f"target {target!r} must have a value in every row; missing in {rows}: fill or remove them.")
    if len(column.unique()) == 1:
        raise InvalidInput(
            f"target {target!r} must take at least two values; it is {_short(column.iloc[0])} in every row."
        )
    decided = _task(column) if task == "auto" else task
    values = _quantities(column) if decided == "regression" else _classes(column, strict=task == "auto")
    return frame.drop(columns=target), values, decided


def learn_columns(
    frame: pd.DataFrame, *, text_columns: Sequence[str] = (), drop: Sequence[str] = ()
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Learn from training rows how each column becomes numbers.

    Parameters
    ----------
    frame
        The training rows, without the target.
    text_columns
        Columns to embed.
    drop
        Columns to leave out.

    Returns
    -------
    tuple of columns and tuple of notes
        Columns that hold a single value are left out; every such decision and every imputation is a note.

    Raises
    ------
    UnknownName
        When a named column does not exist.
    InvalidInput
        When a column holds text and was not named as such, words among numbers or infinite numbers, or when no column
        is left.
    """
    _require_columns(frame, [*text_columns, *drop])
    columns: list[Column] = []
    notes: list[str] = []
    for name in (name for name in frame.columns if name not in drop):
        values = frame[name]
        missing = int(values.isna().sum())
        if name in text_columns:
            columns.append(TextColumn(name=name))
            notes += [f"{name}: {missing} missing texts taken as empty"] * (missing > 0)
        elif values.nunique() < 2:  # noqa: PLR2004
            notes.append(f"{name}: left out, it holds a single value")
        elif pd.api.types.is_numeric_dtype(values):
            columns.append(_numeric(name, values))
            notes += [f"{name}: {missing} missing values replaced by the median"] * (missing > 0)
        else:
            columns.append(_categorical(name, values))
            notes += [f"{name}: {missing} missing values replaced by the most frequent one"] * (missing > 0)
    if not columns:
        raise InvalidInput("the table must have a column that varies beside the target; found none.")
    return tuple(columns), tuple(notes)


def encode(
    columns: Sequence[Column], frame: pd.DataFrame, embedder: Embedder | None = None
) -> tuple[Float[np.ndarray, "row feature"], list[str]]:
    """Turn rows into features as the training rows were.

    Parameters
    ----------
    columns
        What `learn_columns` found.
    frame
        Rows with at least these columns, in any order.
    embedder
        For text columns.

    Returns
    -------
    tuple of array and list of names
        Features in the order of `columns`, and what each is called.

    Raises
    ------
    UnknownName
        When a column is absent.
    InvalidInput
        When a column of numbers holds words or infinite numbers.
    """
    _require_columns(frame, [column.name for column in columns])
    blocks = [column.features(frame[column.name], embedder) for column in columns]
    names = [
        name for column, block in zip(columns, blocks, strict=True) for name in column.feature_names(block.shape[1])
    ]
    return np.hstack(blocks), names


def _numeric(name: str, values: pd.Series) -> NumericColumn:
    numbers = _numbers(values)
    fill = float(numbers.median())
    known = numbers.fillna(fill)
    scale = float(known.std(ddof=0))
    return NumericColumn(name=name, fill=fill, center=float(known.mean()), scale=scale if scale > 0 else 1.0)


def _categorical(name: str, values: pd.Series) -> CategoricalColumn:
    present = values.dropna().astype(str)
    numeric = pd.to_numeric(present, errors="coerce")
    if numeric.notna().mean() > MOSTLY:
        _numbers(values)
    if present.nunique() > MOST_CATEGORIES:
        raise InvalidInput(
            f"column {name!r} holds {present.nunique()} different strings, such as {_short(present.iloc[0])}: "
            f"pass --text-column {name} to embed it as text, or --drop {name} to leave it out."
        )
    counts = present.value_counts()
    return CategoricalColumn(
        name=name, fill=min(counts[counts == counts.max()].index), categories=tuple(sorted(counts.index))
    )


def _numbers(column: pd.Series, advice: str | None = None) -> pd.Series:
    plain = column if pd.api.types.is_numeric_dtype(column) else column.map(lambda value: _TRUTH.get(value, value))
    numbers = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    words = numbers.isna() & column.notna()
    if words.any():
        raise InvalidInput(
            f"column {column.name!r} must hold numbers; got {_short(column[words].iloc[0])} in {_rows(words)}: "
            f"{advice or f'correct them, or leave the column out with --drop {column.name}'}."
        )
    infinite = numbers.abs() == np.inf
    if infinite.any():
        raise InvalidInput(f"column {column.name!r} must hold finite numbers; got infinity in {_rows(infinite)}.")
    return numbers


def _strings(column: pd.Series, fill: str) -> np.ndarray:
    return column.astype(object).where(column.notna(), fill).astype(str).to_numpy(dtype=object)


def _task(column: pd.Series) -> Task:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return "classification"
    whole = bool((column == column.round()).all())
    return "classification" if whole and column.nunique() <= MOST_CLASSES else "regression"


def _quantities(column: pd.Series) -> np.ndarray:
    return _numbers(column, advice="correct them, or use --task classification").to_numpy(np.float64)


def _classes(column: pd.Series, *, strict: bool) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = _numbers(column)
        if not (numbers == numbers.round()).all():
            raise InvalidInput(
                f"target {column.name!r} must hold classes; it holds fractions such as {numbers.iloc[0]}: "
                "use --task regression."
            )
        return numbers.to_numpy(np.int64)
    labels = column.astype(str)
    numeric = pd.to_numeric(labels, errors="coerce").notna()
    if strict and numeric.any() and not numeric.all():
        number, word = _short(labels[numeric].iloc[0]), _short(labels[~numeric].iloc[0])
        raise InvalidInput(
            f"target {column.name!r} must hold labels of one kind; it mixes numbers such as {number} "
            f"with words such as {word} in {_rows(~numeric)}: "
            "correct them, or pass --task classification to take all of them as names."
        )
    return labels.to_numpy(dtype=str)


def _require_columns(frame: pd.DataFrame, names: Iterable[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise UnknownName("column", name, map(str, frame.columns))


def _rows(mask: pd.Series) -> str:
    """Name the first rows where `mask` is true, counted from one below the heading."""
    places = np.flatnonzero(mask.to_numpy()) + 1
    listed = ", ".join(map(str, places[:3]))
    more = f" and {places.size - 3} more" if places.size > 3 else ""  # noqa: PLR2004
    return f"row{'s' if places.size > 1 else ''} {listed}{more}"


def _short(text: object, length: int = 40) -> str:
    written = str(text)
    return repr(written if len(written) <= length else f"{written[: length - 1]}…")

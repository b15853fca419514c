"""A fitted model as a folder of plain data: nothing in it is ever executed.

::

    model.json    format and version, columns, classes, what was fitted to
    arrays.npz    gates, linear maps and, where asked for, the text vocabulary
    model.onnx    the same network for other runtimes, from encoded features to labels, where onnx is installed
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks.embeddings import BUNDLED, Embedder, LatentSemantics, SentenceEmbedder
from consilience.methods.convex_networks.export import to_onnx
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink
from consilience.methods.convex_networks.table import Column, Task, TextColumn, encode

FORMAT: Final = "consilience convex network"

VERSION: Final = 1
"""Raised whenever an older reader could misunderstand a newer folder."""

_NETWORK = ("gate_vectors", "gate_offsets", "weights", "biases", "intercept")


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Header:
    """What ``model.json`` holds."""

    format: Literal["consilience convex network"] = FORMAT
    version: Literal[1] = VERSION
    task: Task
    target: str
    """Heading of the predicted column."""
    columns: tuple[Column, ...]
    """How rows become features."""
    feature_names: tuple[str, ...]
    """What each feature is called."""
    classes: tuple[str, ...] | tuple[int, ...] | None
    """Labels in the order of the outputs; None for a regression."""
    sentence_model: str | None
    """Sentence transformer for text columns; None where there are none, or where the vocabulary is in the arrays."""
    probability_scale: float | None
    """Inverse temperature of the probabilities; None for a regression."""
    notes: tuple[str, ...] = ()
    """What was done to the columns."""
    summary: dict[str, float] = field(default_factory=dict)
    """What was measured when fitting."""
    arrays_sha256: str = ""
    """Digest of ``arrays.npz``."""


@plain_dataclass(frozen=True, kw_only=True)
class SavedModel:
    """A network with everything needed to apply it to the rows of a CSV file.

    Parameters
    ----------
    header
        Everything but arrays.
    network
        The fitted network over encoded features.
    link
        How decision values become probabilities; None for a regression.
    semantics
        The embedding of text columns where no sentence transformer is used.
    """

    header: Header
    network: GatedNetwork
    link: ProbabilityLink | None = None
    semantics: LatentSemantics | None = None

    def save(self, folder: Path) -> None:
        """Write the folder whole, in place of an earlier model of the same path.

        Raises
        ------
        InvalidInput
            When the path exists and is not the folder of a model.
        """
        if folder.exists() and not (folder / "model.json").is_file():
            raise InvalidInput(f"{folder} must be a new folder or that of a saved model; it holds something else.")
        folder = folder.resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            fresh, earlier = Path(scratch) / "fresh", Path(scratch) / "earlier"
            fresh.mkdir()
            self._write(fresh)
            if folder.exists():
                folder.rename(earlier)
            fresh.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> SavedModel:
        """Read a folder that `save` wrote.

        Raises
        ------
        InvalidInput
            When there is no model, when another version wrote it, or when its parts do not belong together.
        """
        try:
            text, packed = (folder / "model.json").read_bytes(), (folder / "arrays.npz").read_bytes()
        except OSError as error:
            raise InvalidInput(f"{folder} must be the folder of a saved model; {error.strerror}.") from error
        header = _parsed(folder, text)
        if hashlib.sha256(packed).hexdigest() != header.arrays_sha256:
            raise InvalidInput(f"{folder}: arrays.npz is not the file that model.json was written with; fit again.")
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return cls._assembled(header, arrays)

    def predict(self, frame: pd.DataFrame, embedder: Embedder | None = None) -> pd.DataFrame:
        """Predict each row of a table.

        Parameters
        ----------
        frame
            Rows with the columns of training, the target not needed.
        embedder
            In place of the model's own, a cached one for example.

        Returns
        -------
        pandas.DataFrame
            ``prediction`` and, for classes, ``probability of ...`` for each.
        """
        features, _ = encode(self.header.columns, frame, embedder or self.embedder())
        decision = self.network.decision(features)
        if self.header.classes is None or self.link is None:
            return pd.DataFrame({"prediction": decision[:, 0]}, index=frame.index)
        chosen = (decision[:, 0] > 0).astype(np.intp) if decision.shape[1] == 1 else decision.argmax(axis=1)
        probabilities = self.link.probabilities(decision)
        named = {f"probability of {label}": probabilities[:, i] for i, label in enumerate(self.header.classes)}
        return pd.DataFrame({"prediction": np.array(self.header.classes)[chosen], **named}, index=frame.index)

    def embedder(self) -> Embedder | None:
        """Return what embeds the text columns, or None where there are none."""
        if not any(isinstance(column, TextColumn) for column in self.header.columns):
            return None
        return self.semantics or SentenceEmbedder(self.header.sentence_model or BUNDLED)

    @classmethod
    def _assembled(cls, header: Header, arrays: Mapping[str, np.ndarray]) -> SavedModel:
        semantics = None
        if "vocabulary" in arrays:
            semantics = LatentSemantics(
                vocabulary=tuple(arrays["vocabulary"].tolist()),
                inverse_document_frequency=arrays["inverse_document_frequency"],
                directions=arrays["directions"],
            )
        link = None
        if header.probability_scale is not None:
            link = ProbabilityLink(scale=header.probability_scale, bias=arrays["probability_bias"])
        network = GatedNetwork(**{name: arrays[name] for name in _NETWORK})
        return cls(header=header, network=network, link=link, semantics=semantics)

    def _write(self, folder: Path) -> None:
        arrays = {name: getattr(self.network, name) for name in _NETWORK}
        if self.link is not None:
            arrays["probability_bias"] = self.link.bias
        if self.semantics is not None:
            arrays["vocabulary"] = np.array(self.semantics.vocabulary)
            arrays["inverse_document_frequency"] = self.semantics.inverse_document_frequency
            arrays["directions"] = self.semantics.directions
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        (folder / "arrays.npz").write_bytes(buffer.getvalue())
        header = replace(self.header, arrays_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())
        (folder / "model.json").write_bytes(TypeAdapter(Header).dump_json(header, indent=2))
        classes = None if self.header.classes is None else np.array(self.header.classes)
        try:
            model = to_onnx(self.network, classes=classes, probabilities=self.link)
        except MissingDependency:
            return
        (folder / "model.onnx").write_bytes(model.SerializeToString())


def _parsed(folder: Path, text: bytes) -> Header:
    try:
        return TypeAdapter(Header).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidInput(
            f"{folder}: model.json must be of format {FORMAT!r}, version {VERSION}; {place}: {first['msg']}. "
            "Fit again, or use the version of consilience that wrote it."
        ) from error

"""Tracking: what a run measured, sent to MLflow for those who keep their runs there.

A report becomes a run of the experiment of its room, with settings as parameters, measurements and the numbers along
the way as metrics, verdicts as tags, pictures and records as artifacts, and a trace with a span for each study. Where
to is what ``MLFLOW_TRACKING_URI`` says, or else a database of SQLite in the folder of the runs. MLflow is asked not to
report its use to its makers.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from consilience.ground.claims import Claim, Report
from consilience.ground.config import unfolded
from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module

__all__ = ["Tracker"]

EXPERIMENTS = "consilience"
"""Experiments are called by this and the room, with a slash between."""
_ABSENT = "--track mlflow needs {missing}; install consilience[mlflow]"
_REPORT = "consilience.report"
_NO_NAME = re.compile(r"[^\w\-. :/]", re.ASCII)
_LONGEST_NAME, _LONGEST_VALUE = 250, 500
_BATCH = 100
_FILES = ("config.toml", "report.json", "journal.jsonl", "metrics.jsonl")
_MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
}
_PLACE = "MLFLOW_TRACKING_URI"


class Tracker:
    """Sends reports to one MLflow, which from then on is that of the whole process.

    Parameters
    ----------
    runs
        Folder of the runs; the database lies there unless the environment names another place.

    Raises
    ------
    MissingDependency
        Without MLflow.
    InvalidInput
        When the place cannot be opened.
    """

    def __init__(self, runs: Path | str) -> None:
        for name, value in _MANNERS.items():
            os.environ.setdefault(name, value)
        folder = Path(runs).resolve()
        told = os.environ.get(_PLACE, "")
        self.place = told or f"sqlite:///{folder / 'mlflow.db'}"
        """Where reports go, as MLflow writes it."""
        self._artifacts = None if told else (folder / "mlflow-artifacts").as_uri()
        self._mlflow = late_module("mlflow", _ABSENT, usually="mlflow-skinny")
        entities = late_module("mlflow.entities", _ABSENT, usually="mlflow-skinny")
        self._metric, self._param, self._tag = entities.Metric, entities.Param, entities.RunTag
        if not told:
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            self._mlflow.set_tracking_uri(self.place)  # traces go nowhere else, whatever a client is told
            self._client = self._mlflow.MlflowClient(self.place)
        except self._mlflow.exceptions.MlflowException as error:
            raise InvalidInput(f"{_PLACE} must be a place that MLflow can open; {error}") from error
        finally:
            if not told:
                os.environ.pop(_PLACE, None)  # another tracker has a folder of its own

    def send(self, report: Report, folder: Path | str) -> str:
        """Send what a run measured, once, and say where it is.

        Parameters
        ----------
        report
            Of the run.
        folder
            Its run folder.

        Returns
        -------
        str
            The id of the run in MLflow; that of the earlier one where this very report was sent before.

        Raises
        ------
        InvalidInput
            When MLflow does not take it.
        """
        try:
            return self._sent(report, Path(folder))
        except self._mlflow.exceptions.MlflowException as error:
            raise InvalidInput(f"MLflow at {self.place} did not take the report of {report.room}: {error}") from error

    def _sent(self, report: Report, folder: Path) -> str:
        experiment = self._experiment(f"{EXPERIMENTS}/{report.room}")
        digest = hashlib.sha256(report.to_json().encode()).hexdigest()
        earlier = self._client.search_runs([experiment], f"tags.`{_REPORT}` = '{digest}'", max_results=1)
        if earlier:
            return str(earlier[0].info.run_id)
        run = str(self._client.create_run(experiment, run_name=folder.name).info.run_id)
        try:
            self._fill(run, report, folder)
            self._trace(experiment, run, report, folder)
        except BaseException:
            self._client.set_terminated(run, "FAILED")
            raise
        self._client.set_tag(run, _REPORT, digest)
        self._client.set_terminated(run, "FINISHED")
        return run

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        place = None if self._artifacts is None else f"{self._artifacts}/{name}"
        return str(self._client.create_experiment(name, artifact_location=place))

    def _fill(self, run: str, report: Report, folder: Path) -> None:
        params = (self._param(_name(key), value[:_LONGEST_VALUE]) for key, value in unfolded(report.config).items())
        tags = {"recipe": report.recipe, "measured_at": report.measured_at, "fingerprint": report.fingerprint()}
        tags |= {f"machine.{key}": value for key, value in report.machine.items()}
        tags |= {f"version.{key}": value for key, value in report.versions.items()}
        tags |= {f"verdict.{claim.id}": claim.verdict for claim in report.claims}
        at = _milliseconds(report.measured_at)
        metrics = [(name, value, at, 0) for claim in report.claims for name, value in _numbers(claim)]
        metrics += _along(folder / "metrics.jsonl", at)
        for some in _batches(params):
            self._client.log_batch(run, params=some)
        for some in _batches(self._tag(_name(key), value) for key, value in tags.items()):
            self._client.log_batch(run, tags=some)
        for some in _batches(self._metric(*told) for told in metrics):
            self._client.log_batch(run, metrics=some)
        for name in _FILES:
            if (folder / name).is_file():
                self._client.log_artifact(run, str(folder / name))
        for path in sorted(folder.glob("*.csv")):
            self._client.log_artifact(run, str(path))
        if (folder / "figures").is_dir():
            self._client.log_artifacts(run, str(folder / "figures"), "figures")

    def _trace(self, experiment: str, run: str, report: Report, folder: Path) -> None:
        """Send the run as a trace: a span for each study that was measured in its last sitting."""
        sitting = _sitting(folder / "journal.jsonl")
        if not sitting:
            return
        verdicts = {claim.id: claim.verdict for claim in report.claims}
        about = {"room": report.room, "recipe": report.recipe, "run": run}
        root = self._client.start_trace(
            f"{report.room} {report.recipe}",
            attributes=about,
            tags={"consilience.run": run},
            experiment_id=experiment,
            start_time_ns=_nanoseconds(sitting[0]),
        )
        for name, begins, ends in _studies(sitting):
            span = self._client.start_span(
                name,
                trace_id=root.trace_id,
                parent_id=root.span_id,
                attributes={"verdict": verdicts.get(name, "not measured")},
                start_time_ns=_nanoseconds(begins),
            )
            self._client.end_span(root.trace_id, span.span_id, end_time_ns=_nanoseconds(ends))
        self._client.end_trace(root.trace_id, end_time_ns=_nanoseconds(sitting[-1]))


def _numbers(claim: Claim) -> Iterator[tuple[str, float]]:
    """Yield the measurements of a claim with their intervals, by names that MLflow takes."""
    for measurement in claim.evidence.measurements:
        ends = {"": measurement.value, "/low": measurement.low, "/high": measurement.high}
        for end, value in ends.items():
            if value is not None:
                yield _name(f"{claim.id}/{measurement.name}", end), value


def _along(path: Path, otherwise: int) -> list[tuple[str, float, int, int]]:
    """Return the numbers along the way; one that is none is left out, as lines have gaps there."""
    told: list[tuple[str, float, int, int]] = []
    counts: dict[str, int] = {}
    for record in _records(path):
        value, tags = record.get("value"), dict(record)
        if not isinstance(value, int | float) or not math.isfinite(value):
            continue
        for own in ("time", "metric", "value"):
            tags.pop(own, None)
        step = tags.pop("step", tags.pop("round", None))
        name = _name("/".join(["along", str(record.get("metric", "")), *(f"{key} {tags[key]}" for key in tags)]))
        counts[name] = counts.get(name, -1) + 1
        at = _milliseconds(str(record.get("time", ""))) or otherwise
        told.append((name, float(value), at, step if isinstance(step, int) else counts[name]))
    return told


def _name(told: str, end: str = "") -> str:
    """Write a name in the characters that MLflow allows.

    Examples
    --------
    >>> _name("convex.cross/largest residual |Av| / (|A| |v|)", "/low")
    'convex.cross/largest residual _Av_ : _A_ _v/low'
    """
    head, slash, rest = told.partition("/")
    rest = _NO_NAME.sub("_", rest.replace(" / ", " : "))
    rest = re.sub(r"_{2,}", "_", rest).strip("_ ")
    plain = f"{_NO_NAME.sub('_', head)}{slash}{rest}".replace("/.", "/_").rstrip("/.")
    return plain[: _LONGEST_NAME - len(end)] + end


def _batches(things: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(things)
    while some := list(islice(left, _BATCH)):
        yield some


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file that a run folder has written, line by line."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the last line of a run that was killed
            if isinstance(record, dict):
                yield record


def _sitting(journal: Path) -> list[dict[str, Any]]:
    records = list(_records(journal))
    begun = [index for index, record in enumerate(records) if record.get("event") == "run begins"]
    return records[begun[-1] :] if begun else []


def _studies(sitting: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    begins: dict[str, Mapping[str, Any]] = {}
    for record in sitting:
        name = str(record.get("step", ""))
        if record.get("event") == "step begins":
            begins[name] = record
        elif record.get("event") == "step ends" and name in begins:
            yield name, begins.pop(name), record


def _milliseconds(told: str) -> int:
    try:
        return round(datetime.fromisoformat(told).timestamp() * 1000)
    except ValueError:
        return 0


def _nanoseconds(record: Mapping[str, Any]) -> int:
    return _milliseconds(str(record.get("time", ""))) * 1_000_000

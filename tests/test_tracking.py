"""What a run measured, in MLflow: settings, numbers, verdicts, pictures, and a trace of its studies."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Canvas
from pydantic.dataclasses import dataclass

from consilience.cli import main
from consilience.ground import STRICT, Evidence, Measurement, MissingDependency, Report, RunFolder, Statement, conduct
from consilience.ground.errors import InvalidInput
from consilience.tracking import Tracker

# Of MLflow's own use of SQLAlchemy and of alembic.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    recipe: str = "smoke"
    seed: int = 3
    long: str = "x" * 2000


@pytest.fixture(autouse=True)
def no_place_named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow(\.|$)")
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of runs with a database that is made once, which takes seconds."""
    return tmp_path_factory.mktemp("tracked")


def measured(path: Path) -> Report:
    folder = RunFolder(path, quiet=True)

    def study() -> Evidence:
        for step in (0, 10, 20):
            folder.metric("loss", 1 / (1 + step), step=step, arm="a|b")
        folder.metric("loss", float("nan"), step=30, arm="a|b")
        figure = folder.figure("coin", Canvas(), "A coin.")
        one = Measurement(name="largest |x| / (y)", value=0.5, low=0.4, high=0.6, at_least=0.1)
        return Evidence(measurements=(one, Measurement(name="none", value=None)), figures=(figure,))

    statement = Statement(id="coin.heads", sentence="Heads.", source="derived")
    return conduct("coins", Config(), folder, [(statement, study)])


def test_settings_numbers_verdicts_pictures_and_a_trace_are_there(place: Path) -> None:
    import mlflow

    folder = place / "coins" / "smoke-seed3"
    report = measured(folder)
    tracker = Tracker(place)
    run = tracker.send(report, folder)
    client = mlflow.MlflowClient(tracker.place)
    found = client.get_run(run)
    assert found.info.status == "FINISHED"
    assert (found.data.params["seed"], len(found.data.params["long"])) == ("3", 500)
    assert found.data.metrics["coin.heads/largest _x_ : _y"] == 0.5
    assert found.data.metrics["coin.heads/largest _x_ : _y/high"] == 0.6
    assert found.data.tags["verdict.coin.heads"] == "holds"
    assert found.data.tags["fingerprint"] == report.fingerprint()
    history = client.get_metric_history(run, "along/loss/arm a_b")
    assert [(one.step, round(one.value, 3)) for one in history] == [(0, 1.0), (10, 0.091), (20, 0.048)]
    names = {one.path for one in client.list_artifacts(run)}
    assert {"report.json", "config.toml", "journal.jsonl", "metrics.jsonl", "figures"} <= names
    kept = Path(client.download_artifacts(run, "report.json"))
    assert Report.from_json(kept.read_bytes()) == report
    [trace] = client.search_traces(locations=[found.info.experiment_id])
    spans = {span.name: span for span in trace.data.spans}
    assert set(spans) == {"coins smoke", "coin.heads"}
    assert spans["coin.heads"].parent_id == spans["coins smoke"].span_id
    assert spans["coin.heads"].attributes["verdict"] == "holds"
    assert spans["coin.heads"].end_time_ns >= spans["coin.heads"].start_time_ns
    assert tracker.send(report, folder) == run
    assert len(client.search_runs([found.info.experiment_id])) == 1


def test_a_place_that_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://place")
    with pytest.raises(InvalidInput, match="MLFLOW_TRACKING_URI"):
        Tracker(tmp_path)


def test_without_mlflow_nothing_is_measured_first(
    throwaway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingDependency, match=r"consilience\[mlflow\]"):
        Tracker(tmp_path)
    runs = tmp_path / "runs"
    assert main(["reproduce", "throwaway", "--quiet", "--runs", str(runs), "--track", "mlflow"]) == 2
    assert "consilience[mlflow]" in capsys.readouterr().err
    assert not list(runs.glob("throwaway/*"))


def test_reproduce_sends_what_it_measured(throwaway: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import mlflow

    runs = place
    assert main(["reproduce", "throwaway", "--quiet", "--runs", str(runs), "--track", "mlflow"]) == 0
    assert "mlflow: sqlite:///" in capsys.readouterr().out
    client = mlflow.MlflowClient(f"sqlite:///{runs / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("consilience/throwaway")
    [found] = client.search_runs([experiment.experiment_id])
    assert found.data.tags["verdict.coin.edge"] == "not measured"


def test_a_server_that_goes_away_costs_no_measurement(
    throwaway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: object) -> str:
        raise InvalidInput("MLflow did not take the report")

    monkeypatch.setattr(Tracker, "send", away)
    runs = tmp_path / "runs"
    assert main(["reproduce", "throwaway", "--quiet", "--runs", str(runs), "--track", "mlflow"]) == 2
    told = capsys.readouterr()
    assert "did not take the report" in told.err
    assert "page: " in told.out
    assert (runs / "index.html").exists()


def test_another_tracker_is_a_mistake(throwaway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "throwaway", "--track", "paper"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_its_makers_are_not_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    Tracker(place)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_run_without_a_journal_is_sent_without_a_trace(place: Path) -> None:
    report = measured(place / "coins" / "bare")
    assert Tracker(place).send(report, place / "nowhere")

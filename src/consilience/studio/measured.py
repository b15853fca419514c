"""A measured run: what a run folder of the laboratory tells, whole or in the middle of it, or broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from consilience.ground.claims import Claim, Report, Verdict, tally
from consilience.ground.config import parse_toml
from consilience.ground.errors import InvalidInput
from consilience.ground.folder import Step, is_a_name, is_at_work
from consilience.studio.keeping import kept, stamp_of
from consilience.studio.lines import number, read_lines
from consilience.studio.places import Place, content_of

__all__ = ["MeasuredRun", "Stage", "State"]

State = Literal["running", "finished", "interrupted"]

_STEP = TypeAdapter(Step)


@dataclass(slots=True)
class Stage:
    """One claim on its way to be measured."""

    claim: str
    """Its id."""
    state: Literal["waiting", "running", "done", "kept", "not possible", "broken", "cut off"] = "waiting"
    """How far it is."""
    began_at: str = ""
    """When it began, ISO 8601."""
    seconds: float | None = None
    """How long it took."""
    note: str = ""
    """Why it was not possible."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A report, or why there is none."""

    report: Report | None = None
    trouble: str = ""


@dataclass
class MeasuredRun:
    """A run folder of the laboratory."""

    place: Place
    """Where it lies."""
    troubles: list[str] = field(default_factory=list)
    """What in it could not be read, in a line each."""

    def __post_init__(self) -> None:
        """Read what there is."""
        path = self.place.path
        found = kept(path / "report.json", _report)
        self.report = found.report
        self.at_work = is_at_work(path)
        self.lines = read_lines(path / "journal.jsonl")
        self.settings, trouble = kept(path / "config.toml", _settings)
        broken = f"{self.lines.broken} lines of journal.jsonl are no JSON objects" if self.lines.broken else ""
        self.troubles += [told for told in (found.trouble, trouble, self.lines.trouble, broken) if told]

    @property
    def stamp(self) -> tuple[object, ...]:
        """What changes when anything of the run does that a page shows."""
        path = self.place.path
        files = ("report.json", "journal.jsonl", "metrics.jsonl", "config.toml", "steps", "figures")
        return self.place.name, self.at_work, *(stamp_of(path / name) for name in files)

    @cached_property
    def sitting(self) -> tuple[dict[str, Any], ...]:
        """The events since the run last began."""
        records = self.lines.records
        begun = [index for index, record in enumerate(records) if record.get("event") == "run begins"]
        return records[begun[-1] :] if begun else records

    @property
    def state(self) -> State:
        """Whether it goes on, has come to its end, or was cut off."""
        if self.at_work:
            return "running"
        events = [record.get("event") for record in self.sitting]
        ended = "run ends" in events or ("run begins" not in events and self.report is not None)
        return "finished" if ended else "interrupted"

    @property
    def room(self) -> str:
        """The package name of the method, as far as it is known."""
        told = self.report.room if self.report else self._told("room")
        return told or kept(self.place.path / "config.toml", _first_word) or self.place.path.parent.name

    @property
    def recipe(self) -> str:
        """The recipe that the settings started from."""
        return self.report.recipe if self.report else self._told("recipe") or str(self.settings.get("recipe", ""))

    @property
    def seed(self) -> str:
        """The root of all randomness in the run."""
        return str(self.settings.get("seed", ""))

    @property
    def began_at(self) -> str:
        """When it last began, ISO 8601; empty where no event tells."""
        return _time(self.sitting[:1])

    @property
    def latest_at(self) -> str:
        """When the last thing happened, ISO 8601."""
        return _time(self.lines.records[-1:]) or (self.report.measured_at if self.report else "")

    @property
    def when(self) -> str:
        """When its last study ended, as far as it has come."""
        return self.report.measured_at if self.report and self.state == "finished" else self.latest_at

    @property
    def seconds(self) -> float:
        """How long its studies took together."""
        return sum(claim.seconds for claim in self.claims)

    @cached_property
    def sentences(self) -> dict[str, str]:
        """What each claim says, by its id, as far as it is known before there is a report."""
        told = self.sitting[0].get("claims", {}) if self.sitting else {}
        known = {str(key): str(value) for key, value in told.items()} if isinstance(told, dict) else {}
        return {claim.id: claim.sentence for claim in self.report.claims} | known if self.report else known

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """How far each claim is, in the order of the room."""
        stages = {name: Stage(name) for name in self.sentences}
        for record in self.sitting:
            name = record.get("step")
            if isinstance(name, str) and is_a_name(name):
                _move(stages.setdefault(name, Stage(name)), record)
        if not self.at_work:
            for stage in stages.values():
                stage.state = "cut off" if stage.state == "running" else stage.state
        return tuple(stages.values())

    @property
    def done(self) -> int:
        """How many claims are behind it."""
        return sum(stage.state in ("done", "kept", "not possible", "broken") for stage in self.stages)

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """Every claim of the report; before there is one, those whose study has ended."""
        if self.report is not None and self.state == "finished":
            return self.report.claims
        ended = [stage for stage in self.stages if stage.state in ("done", "kept")]
        steps = {stage.claim: kept(self.place.path / "steps" / f"{stage.claim}.json", _step) for stage in ended}
        known = {claim.id: claim for claim in self.report.claims} if self.report else {}
        return tuple(
            Claim(
                room=self.room,
                id=name,
                sentence=self.sentences.get(name, ""),
                source=known[name].source if name in known else "",
                evidence=step.evidence,
                recipe=self.recipe,
                seeds=step.evidence.seeds,
                seconds=step.seconds,
            )
            for name, step in steps.items()
            if step is not None
        )

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many of the claims hold, fail and were not measured."""
        return tally(self.claims)

    def _told(self, name: str) -> str:
        return str(self.sitting[0].get(name, "")) if self.sitting else ""


def _move(stage: Stage, record: Mapping[str, Any]) -> None:
    match record.get("event"):
        case "step begins":
            stage.state, stage.began_at = "running", str(record.get("time", ""))
        case "step ends":
            stage.state, stage.seconds = "done", number(record.get("seconds"))
        case "step kept":
            stage.state = "kept"
        case "step not possible":
            stage.state, stage.note = "not possible", str(record.get("reason", ""))
        case "step broken":
            stage.state, stage.note = "broken", str(record.get("reason", ""))
        case _:
            pass


def _time(records: Iterable[Mapping[str, Any]]) -> str:
    return next((str(record["time"]) for record in records if "time" in record), "")


def _report(path: Path) -> _Read:
    try:
        return _Read(Report.from_json(content_of(path)))
    except FileNotFoundError:
        return _Read()
    except InvalidInput as error:
        return _Read(trouble=f"report.json: {error}")
    except (OSError, RecursionError) as error:
        return _Read(trouble=f"report.json cannot be read: {error}")


def _settings(path: Path) -> tuple[dict[str, Any], str]:
    try:
        return parse_toml(content_of(path).decode(), "it"), ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:  # no UTF-8 and no TOML among them
        return {}, f"config.toml cannot be read: {error}"


def _first_word(path: Path) -> str:
    try:
        line = content_of(path).partition(b"\n")[0][:200].decode()
    except (OSError, ValueError):
        return ""
    return line[1:].strip() if line.startswith("#") else ""


def _step(path: Path) -> Step | None:
    try:
        return _STEP.validate_json(content_of(path))
    except (OSError, ValidationError):
        return None

"""The laboratory: runs the studies of a room and writes what came out, whatever it is."""

import hashlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module, resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Literal

from consilience.ground.claims import Claim, Evidence, Report, Statement
from consilience.ground.config import ClaimsConfig, RunConfig, as_plain
from consilience.ground.errors import ConsilienceError, InvalidInput, MissingDependency
from consilience.ground.folder import RunFolder, Step
from consilience.ground.late import absence_told
from consilience.ground.machine import machine, versions
from consilience.ground.progress import Progress
from consilience.ground.seeds import Streams
from consilience.ground.sharing import kept
from consilience.ground.wording import many

Study = Callable[[], Evidence] | str
"""A function that measures a claim, or the reason why this recipe does not."""


class BrokenStudies(ExceptionGroup[Exception]):
    """Studies of a run raised what is no mistake of the caller's; the others were measured, and the report is written.

    Parameters
    ----------
    report
        Of the run, in which their claims are not measured.
    errors
        What they raised, each with a note that names its claim.
    """

    report: Report

    def __new__(cls, report: Report, errors: Sequence[Exception]) -> "BrokenStudies":
        """Make the group with its message."""
        self = super().__new__(
            cls, f"{many(len(errors), 'claim')} of {report.room} could not be measured", list(errors)
        )
        self.report = report
        return self

    # Of errors alone: a group of what is no `Exception` cannot be a part of this one, though the base class allows it.
    def derive(self, excs: Sequence[Exception], /) -> "BrokenStudies":  # type: ignore[override]
        """Make a part of the group, as ``except*`` and `split` do."""
        return type(self)(self.report, excs)


def conduct(
    room: str,
    config: RunConfig,
    folder: RunFolder,
    studies: Sequence[tuple[Statement, Study]],
    *,
    picture: str = "",
) -> Report:
    """Run each study in turn and write the report of the room into the run folder.

    Finished studies are kept in the folder under this very configuration and not run again, so an interrupted run
    resumes and a finished one returns the same report. A study whose optional dependency is absent is reported as not
    measured, with the extra that brings it, and is tried again the next time. So is one that breaks: the others are
    measured and the report is written before its error is raised. Processes that studies share work with stay until
    the last of them is done (`sharing.kept`).

    Parameters
    ----------
    room
        Package name of the method.
    config
        The resolved configuration; its ``recipe`` and ``seed`` are quoted in every claim.
    folder
        Where steps, figures and the report go.
    studies
        Each statement with the function that measures it, or with the reason why this recipe does not.
    picture
        Name of the figure that says the finding at a glance and leads on the page.

    Returns
    -------
    Report
        One claim a statement, in the order given; also written as ``report.json``.

    Raises
    ------
    InvalidInput
        If two statements share an id, and whatever a study refuses: a mistake of the caller's ends the run at once.
    BrokenStudies
        If studies broke, when all have been tried and the report is written.

    Examples
    --------
    >>> import tempfile
    >>> from pydantic.dataclasses import dataclass
    >>> from consilience.ground import Measurement
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Config:
    ...     recipe: str = "smoke"
    ...     seed: int = 0
    >>> area = Statement(id="circle.area", sentence="A unit circle has area pi.", source="Archimedes")
    >>> study = lambda: Evidence(measurements=(Measurement(name="area", value=3.1, at_least=3.0),))
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     report = conduct("circle", Config(), RunFolder(scratch, quiet=True), [(area, study)])
    >>> report.verdicts
    {'holds': 1, 'fails': 0, 'not measured': 0}
    """
    _refuse_duplicates([statement.id for statement, _ in studies])
    folder.bind(room, config, partial(source_digest, room))
    sentences = {statement.id: statement.sentence for statement, _ in studies}
    folder.record("run begins", room=room, recipe=config.recipe, claims=sentences)
    claims: list[Claim] = []
    steps: list[Step] = []
    broken: list[Exception] = []
    title = f"{room} [{config.recipe}]"
    try:
        with (
            folder.at_work(),
            kept(),
            Progress(title, len(studies), quiet=folder.quiet, course=folder.course) as progress,
        ):
            for statement, study in studies:
                progress.begin(statement.id)
                finished = _measure(statement, study, folder, broken)
                claim = _claim(room, config, statement, finished)
                claims.append(claim)
                if isinstance(finished, Step):
                    steps.append(finished)
                progress.end(statement.id, _outcome(claim, finished, folder))
    except KeyboardInterrupt:
        folder.record("run interrupted", finished=[claim.id for claim in claims])
        raise
    except ConsilienceError as mistake:
        if broken:  # else nobody would hear of them
            raise ExceptionGroup(f"a run of {room} was given up", [*broken, mistake]) from None
        raise
    report = Report(
        room=room,
        recipe=config.recipe,
        config=as_plain(config),
        claims=tuple(claims),
        machine=_of_all([step.machine for step in steps] or [machine()]),
        versions=_of_all([step.versions for step in steps] or [versions()]),
        measured_at=max((step.ended_at for step in steps), default=""),
        picture=picture,
        changed=folder.changed,
    )
    folder.write("report.json", report.to_json())
    folder.record("run ends", verdicts=report.verdicts)
    if broken:
        raise BrokenStudies(report, broken)
    return report


def measure_claims(
    room: str,
    config: ClaimsConfig,
    folder: RunFolder,
    claims: Sequence[tuple[Statement, str]],
    *,
    extra: str,
    picture: str,
    lacking: Mapping[str, str | None] = MappingProxyType({}),
    streams: Literal["study", "claim"] = "study",
) -> Report:
    """Measure the claims of a room that its configuration names, and say which hold.

    Parameters
    ----------
    room, config, folder, claims, extra, lacking, streams
        As `late_studies` takes them.
    picture
        As `conduct` takes it.

    Returns
    -------
    Report
        All claims; those that the recipe leaves out are "not measured".
    """
    studies = late_studies(room, config, folder, claims, extra=extra, lacking=lacking, streams=streams)
    return conduct(room, config, folder, studies, picture=picture)


def late_study(package: str, place: str, *, extra: str) -> Callable[..., Evidence]:
    """Return a study that is imported when it is called, so that a room is listed without what its studies need.

    Parameters
    ----------
    package
        Of the room.
    place
        ``"module:function"`` in the room's ``studies``.
    extra
        The extra that brings what the study imports.

    Returns
    -------
    callable
        Takes what the study takes. Raises `MissingDependency` where a library is absent.
    """

    def study(*arguments: Any) -> Evidence:
        module, _, name = place.partition(":")
        with absence_told(f"this needs {{missing}}; install consilience[{extra}]."):
            found: Callable[..., Evidence] = getattr(import_module(f"{package}.studies.{module}"), name)
        return found(*arguments)

    return study


def late_studies(
    room: str,
    config: ClaimsConfig,
    folder: RunFolder,
    claims: Sequence[tuple[Statement, str]],
    *,
    extra: str,
    lacking: Mapping[str, str | None] = MappingProxyType({}),
    streams: Literal["study", "claim"] = "study",
) -> list[tuple[Statement, Study]]:
    """Return a room's statements, each with its late study or with the reason why this recipe has none.

    Parameters
    ----------
    room
        Package name of the method.
    config
        Its ``claims`` are measured; its seed is the root of a stream of its own for every study.
    folder
        Handed to the studies.
    claims
        Each statement with the place of its study, as `late_study` takes it.
    extra
        The extra that brings what the studies import.
    lacking
        Of a claim that cannot be measured though it is asked for, the reason.
    streams
        Whether the stream of a study has the name of its function, or that of its claim.
    """
    root = Streams(config.seed)
    package = f"consilience.methods.{room}"
    studies: list[tuple[Statement, Study]] = []
    for statement, place in claims:
        if statement.id not in config.claims:
            studies.append((statement, f"left out of the recipe {config.recipe}"))
        elif reason := lacking.get(statement.id):
            studies.append((statement, reason))
        else:
            study = late_study(package, place, extra=extra)
            stream = root.child(statement.id if streams == "claim" else place.partition(":")[2])
            studies.append((statement, partial(study, config, stream, folder)))
    return studies


def source_digest(room: str) -> str:
    """Hash the Python source of a room and of the floors below, to tell when kept evidence was measured by other code.

    A name that is no package under `consilience.methods` has no source to hash and gives the empty text.
    """
    try:
        roots = [resources.files(f"consilience.{place}") for place in (f"methods.{room}", *_FLOORS)]
    except ModuleNotFoundError:
        return ""
    digest = hashlib.sha256()
    for root in roots:
        for name, content in _sources(root, f"{root.name}/"):
            digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


_FLOORS = ("ground", "neural", "dialogue")
"""What rooms stand on."""


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _measure(statement: Statement, study: Study, folder: RunFolder, broken: list[Exception]) -> Step | str:
    """Return the finished study, or the reason why there is none; a study that breaks adds its error to `broken`."""
    if isinstance(study, str):
        return study
    try:
        return folder.finished(statement.id, study)
    except MissingDependency as absent:
        folder.record("step not possible", step=statement.id, reason=str(absent))
        return str(absent)
    except ConsilienceError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is raised when the other claims are measured
        error.add_note(f"while claim {statement.id} was measured; what the others gave is in {folder.path}")
        reason = f"it broke: {''.join(traceback.format_exception_only(error)).splitlines()[0]}"
        folder.record("step broken", step=statement.id, reason=reason, traceback=traceback.format_exception(error))
        broken.append(error)
        return reason


def _claim(room: str, config: RunConfig, statement: Statement, finished: Step | str) -> Claim:
    evidence = finished.evidence if isinstance(finished, Step) else Evidence()
    return Claim(
        room=room,
        id=statement.id,
        sentence=statement.sentence,
        source=statement.source,
        evidence=evidence,
        recipe=config.recipe,
        seeds=evidence.seeds or (config.seed,),
        seconds=finished.seconds if isinstance(finished, Step) else 0.0,
        note="" if isinstance(finished, Step) else finished,
    )


def _of_all(told: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Put together what was noted of each study: where a kept one was measured with something else, both are named."""
    names = dict.fromkeys(name for one in told for name in one)
    return {name: ", ".join(dict.fromkeys(one[name] for one in told if name in one)) for name in names}


def _outcome(claim: Claim, finished: Step | str, folder: RunFolder) -> str:
    if isinstance(finished, str):
        return f"not measured: {finished}"
    stale = "" if folder.is_current(finished) else " (kept from an earlier state of the code; --fresh measures again)"
    return f"{claim.verdict} in {finished.seconds:.1f} s{stale}"


def _refuse_duplicates(ids: list[str]) -> None:
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise InvalidInput(f"each claim id must occur once in a room; twice or more: {', '.join(twice)}")

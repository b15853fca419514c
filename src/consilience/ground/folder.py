"""The run folder: everything one run leaves behind, whole or not at all.

::

    config.toml      the resolved configuration; running from it gives the same report
    journal.jsonl    what happened when
    metrics.jsonl    numbers along the way
    figures/*.svg    pictures
    steps/*.json     evidence of each finished study, so that an interrupted run resumes
    report.json      the claims
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import TypeAdapter, ValidationError
from pydantic import dataclasses as strict

from consilience.ground.claims import Evidence, Figure
from consilience.ground.config import STRICT, RunConfig, as_plain, to_toml
from consilience.ground.errors import InvalidInput
from consilience.ground.machine import machine, versions
from consilience.ground.progress import Course

_LEFT_BY_A_RUN = ("config.toml", "journal.jsonl", "metrics.jsonl", "report.json", "figures", "steps", "work")
_CHANGED = "changed while it was measured"
_TOLD_OF_A_DIGEST = 12
"""Characters."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@runtime_checkable
class Canvas(Protocol):
    """What can be saved as a picture: a matplotlib figure."""

    def savefig(self, fname: Any, *, transparent: bool | None = ..., **kwargs: Any) -> None:
        """Write the picture to the path `fname`."""


@strict.dataclass(frozen=True, kw_only=True, config=STRICT)
class Step:
    """A finished study as it lies on disk."""

    key: str
    """Digest of room and configuration: a step is reused only under the same key."""
    code: str
    """Digest of the room's source, to tell when kept evidence was measured by other code."""
    ended_at: str
    """ISO 8601 in UTC."""
    seconds: float
    """Wall time of the study."""
    machine: dict[str, str]
    """On which it was measured."""
    versions: dict[str, str]
    """Of Python, libraries and this code, as they were then."""
    evidence: Evidence
    """What the study found."""


@dataclass(frozen=True)
class Identity:
    """Whose run a folder holds: the key that steps are kept under, and what measures them where."""

    key: str = ""
    code: str = ""
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


class RunFolder:
    """One run on disk: steps, figures, journal and metrics.

    Parameters
    ----------
    path
        The folder; created when absent.
    fresh
        Forget what an earlier run left there, as `forget_run` does, and measure everything again: for whoever has one
        run to make. Files of other origin stay.
    quiet
        Report no progress.
    course
        The course that runs in this folder are a piece of; it shows their progress.
    changed
        Names of the settings that are not the recipe's; reports quote them beside it.

    Raises
    ------
    InvalidInput
        If the folder cannot be made, or what a run at work has left is to be forgotten.

    Examples
    --------
    >>> import tempfile
    >>> from consilience.ground import Evidence, Measurement
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     folder = RunFolder(scratch, quiet=True)
    ...     study = lambda: Evidence(measurements=(Measurement(name="pi", value=3.14),))
    ...     folder.step("circle", study).measurements[0].value
    3.14
    """

    def __init__(
        self,
        path: Path | str,
        *,
        fresh: bool = False,
        quiet: bool = False,
        course: Course | None = None,
        changed: Sequence[str] = (),
    ) -> None:
        self.path = Path(path)
        self.quiet = quiet
        self.course = course
        self.changed = tuple(changed)
        self._identity = Identity()
        self._source: Callable[[], str] = str
        if self.path.exists() and not self.path.is_dir():
            raise InvalidInput(f"the run folder must be a folder; {self.path} is a file: give another one with --runs")
        if fresh:
            forget_run(self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"the run folder must be one that can be made; {self.path}: {error.strerror}: give another with --runs"
            ) from error

    def bind(self, room: str, config: RunConfig, source: Callable[[], str] = str) -> None:
        """Write the resolved configuration and keep steps under it from here on.

        What a run of other settings left to be shown, its report and its metrics, is let go; its steps stay.

        Parameters
        ----------
        room
            Package name of the method.
        config
            The resolved configuration; another one gives other steps.
        source
            Returns the digest of the source that measures; it is recorded, compared when a step is reused, and asked
            for again when a step ends, since studies are imported late.
        """
        settings = json.dumps([room, as_plain(config)], sort_keys=True)
        code = source()
        told = versions() | ({"source": code[:_TOLD_OF_A_DIGEST]} if code else {})
        self._source = source
        self._identity = Identity(hashlib.sha256(settings.encode()).hexdigest(), code, machine(), told)
        self._let_go_of_others(text := f"# {room}\n{to_toml(config)}")
        self.write("config.toml", text)

    def step(self, name: str, compute: Callable[[], Evidence]) -> Evidence:
        """Return the evidence kept under `name`, or compute it and keep it.

        Whatever `compute` raises passes through, and nothing is kept then.
        """
        return self.finished(name, compute).evidence

    def finished(self, name: str, compute: Callable[[], Evidence]) -> Step:
        """Do as `step`, and return the whole record: evidence, wall time, time of day and code."""
        kept = self.kept(name)
        if kept is not None:
            self.record("step kept", step=name, measured_by_this_code=kept.code == self._identity.code)
            return kept
        self.record("step begins", step=name)
        start = time.perf_counter()
        evidence = compute()
        same = self._source() == self._identity.code
        done = Step(
            key=self._identity.key,
            code=self._identity.code if same else _CHANGED,
            ended_at=_now(),
            seconds=round(time.perf_counter() - start, 3),
            machine=self._identity.machine,
            versions=self._identity.versions | ({} if same else {"source": _CHANGED}),
            evidence=evidence,
        )
        self.write(f"steps/{_checked(name)}.json", TypeAdapter(Step).dump_json(done, indent=2))
        self.record("step ends", step=name, seconds=done.seconds)
        return done

    def kept(self, name: str) -> Step | None:
        """Return the finished step called `name` if this very configuration left one, else None."""
        path = self.path / "steps" / f"{_checked(name)}.json"
        try:
            step = TypeAdapter(Step).validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        pictures = (self.path / figure.file for figure in step.evidence.figures)
        return step if step.key == self._identity.key and all(picture.exists() for picture in pictures) else None

    def is_current(self, step: Step) -> bool:
        """Whether `step` was measured by the code that is bound now."""
        return step.code == self._identity.code

    def figure(self, name: str, canvas: Canvas, caption: str) -> Figure:
        """Save a matplotlib figure as SVG, the same bytes for the same picture, and return its record.

        The background is transparent, so that the page can show it in light and in dark.
        """
        import matplotlib as mpl  # noqa: PLC0415  a second of start-up, spent only by runs that draw

        file = f"figures/{_checked(name)}.svg"
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}), _aside(self.path / file) as aside:
            canvas.savefig(
                aside, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )
        return Figure(name=name, caption=caption, file=file)

    def record(self, event: str, **fields: Any) -> None:
        """Append an event with its time to the journal."""
        self._append("journal.jsonl", {"time": _now(), "event": event, **fields})

    def metric(self, name: str, value: float, **tags: Any) -> None:
        """Append a number measured along the way, with what tells it apart from its siblings."""
        self._append("metrics.jsonl", {"time": _now(), "metric": name, "value": float(value), **tags})

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Hold a lock on the journal, by which `is_at_work` tells a run that goes on from one that was cut off.

        The system takes it back from a process that dies, however it dies.
        """
        # A network file system gives a shared lock only to what can be read.
        with (self.path / "journal.jsonl").open("a+", encoding="utf-8") as held:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(held, fcntl.LOCK_SH)
            yield

    def write(self, file: str, content: str | bytes) -> Path:
        """Write a file of this folder whole: readers see the old content or the new, never a part."""
        return write_whole(self.path / file, content)

    def _append(self, file: str, fields: dict[str, Any]) -> None:
        line = json.dumps(fields, default=str)
        with (self.path / file).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def _let_go_of_others(self, settings: str) -> None:
        try:
            before = (self.path / "config.toml").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return
        # A folder of other origin may have such files too.
        if before != settings and before.startswith("# ") and (self.path / "journal.jsonl").is_file():
            for left in ("report.json", "metrics.jsonl"):
                (self.path / left).unlink(missing_ok=True)


def forget_run(path: Path | str) -> None:
    """Remove what a run left in its folder, if there is one; files of other origin stay.

    ``RunFolder(path, fresh=True)`` does this too, but makes the folder: whoever has several runs to make, as
    ``consilience reproduce --fresh`` has, forgets all before the first begins, and makes no folder for one that may
    never begin.

    Raises
    ------
    InvalidInput
        If the run is at work.
    """
    folder = Path(path)
    if not folder.is_dir():
        return
    if is_at_work(folder):
        raise InvalidInput(
            f"a run is at work in {folder}, and what it has left there may not be forgotten; end it first"
        )
    for left in _LEFT_BY_A_RUN:
        found = folder / left
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)


def is_at_work(path: Path | str) -> bool:
    """Whether a process is measuring into a run folder now.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     with RunFolder(scratch).at_work():
    ...         meanwhile = is_at_work(scratch)
    ...     meanwhile, is_at_work(scratch)
    (True, False)
    """
    try:
        journal = _opened(Path(path) / "journal.jsonl")
    except OSError:
        return False
    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(journal)
    return False


def _opened(journal: Path) -> int:
    """Open a file to be locked alone: to be written where one may, since a network file system asks for that."""
    # What is no file, such as a pipe, would keep whoever opens it waiting.
    try:
        return os.open(journal, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return os.open(journal, os.O_RDONLY | os.O_NONBLOCK)


def write_whole(path: Path | str, content: str | bytes) -> Path:
    """Write `content` beside `path` and rename it into place, so that no reader ever sees half a file.

    What is no file, such as a pipe or ``/dev/stdout``, is written to as it stands, and a link keeps leading to what is
    written.

    Parameters
    ----------
    path
        The file; folders on the way to it are created.
    content
        Text, written as UTF-8, or bytes.

    Returns
    -------
    Path
        The file that was written.
    """
    target, data = Path(path), content.encode() if isinstance(content, str) else content
    if _is_a_stream(target):
        with target.open("ab") as stream:
            stream.write(data)
        return target
    with _aside(target.resolve() if target.is_symlink() else target) as aside:
        aside.write_bytes(data)
    return target


def require_writable(path: Path, what: str) -> None:
    """Refuse before the work what could not be written after it, and make the folder that the file goes to.

    Parameters
    ----------
    path
        The file to be.
    what
        What the file is, or the flag that names it.

    Raises
    ------
    InvalidInput
        If it is a folder, or cannot be written.
    """
    try:
        folder = path.is_dir()
        place = path if _is_a_stream(path) else path.resolve().parent
        if place is not path:
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{what} must be a writable file; {path}: {error.strerror or error}") from error
    if folder:
        raise InvalidInput(f"{what} must be a writable file; {path} is a folder")
    if not os.access(place, os.W_OK):
        raise InvalidInput(f"{what} must be a writable file; nothing may be written to {place}")


_STREAMS = (Path("/dev"), Path("/dev/fd"))
"""Where what a process has open has names, which may be a file: another in its place would not be what is open."""


def _is_a_stream(path: Path) -> bool:
    """Whether bytes go through a path to somebody, and no other file can take its place."""
    return path.exists() and (not path.is_file() or path.parent in _STREAMS)


def replace_folder(aside: Path, target: Path) -> None:
    """Rename a finished folder to its name; an earlier one of that name stands aside until that is done.

    Raises
    ------
    OSError
        When the names cannot be changed; the earlier folder is back in its place then.
    """
    if not target.exists():
        aside.rename(target)
        return
    earlier = target.with_name(f".{target.name}.{os.getpid()}.earlier")
    target.rename(earlier)
    try:
        aside.rename(target)
    except OSError:
        with suppress(OSError):
            earlier.rename(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def named_folder(path: Path) -> Path:
    """Return the same folder by a path that ends in its name, as "." and ".." do not, to name others after it.

    Raises
    ------
    InvalidInput
        When it has no name, as the root of all folders.

    Examples
    --------
    >>> named_folder(Path("models/prior")).as_posix()
    'models/prior'
    >>> named_folder(Path()) == Path.cwd()
    True
    """
    named = path.resolve() if path.name in {"", ".."} else path
    if not named.name:
        raise InvalidInput(f"expected a folder that has a name; got {path}: choose another one")
    return named


def state_folder(out: Path) -> Path:
    """Return the folder beside `out` that holds what an unfinished run needs to go on.

    Examples
    --------
    >>> state_folder(Path("models/prior")).as_posix()
    'models/prior.state'
    """
    return out.with_name(f"{out.name}.state")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Lend a path beside `target`, moved into its place when the block succeeds and removed when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def is_a_name(name: str) -> bool:
    """Whether a file of a run folder may be called so: it stays in the folder, and is not awkward as a file."""
    return bool(_NAME.fullmatch(name))


def _checked(name: str) -> str:
    if not is_a_name(name):
        raise InvalidInput(
            f"names in a run folder must be letters, digits, '.', '_' and '-', not starting with a dot; got {name!r}"
        )
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

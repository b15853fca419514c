"""The command line: list, show, reproduce and cite, and a family of sub-commands for each room.

Exit status: 0 when all is well and no measured claim fails, 1 when a claim fails or a bug shows (with its traceback), 2
when the caller made a mistake (one line), 130 on ctrl-C, 143 when it is told to end (SIGTERM) and has put things in
order.
"""

import hashlib
import inspect
import json as jsonlib
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from functools import partial, wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from consilience import __version__, catalogue, ground
from consilience.catalogue import Method
from consilience.ground import ConsilienceError, InvalidInput, MissingDependency, UnknownName
from consilience.ground.late import late_module
from consilience.ground.stopping import heeded

if TYPE_CHECKING:
    from consilience.ground import Claim, Report
    from consilience.tracking import Tracker

Verb = Callable[..., int | None]

_USER_MISTAKE = 2
_SIGNALLED = 128
_INTERRUPTED = 130
_MANNERS = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments
        The words after the program's name; those of the process unless given.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with heeded() as told:
        status = _answer(words)
    return _SIGNALLED + told[0] if told and status == _INTERRUPTED else status


def _answer(words: list[str]) -> int:
    try:
        return _dispatch(words)
    except ConsilienceError as mistake:
        print(f"consilience: {mistake}", file=sys.stderr)
        return _USER_MISTAKE
    except KeyboardInterrupt:
        print(f"consilience: interrupted; {_resuming(words)}", file=sys.stderr)
        return _INTERRUPTED


def list_methods() -> None:
    """List the methods: name, paper and question."""
    for entry in catalogue.METHODS:
        print(f"{entry.name}  arXiv:{entry.arxiv}\n    {entry.question}")


def show(room: str, /) -> None:
    """Show a method: what it asks, its idea, its public names, recipes and verbs.

    Parameters
    ----------
    room
        Name of the method, as `list` prints it.
    """
    entry = catalogue.method(room)
    door = entry.part()
    print(f"{entry.name}: {entry.question}\n{entry.paper}, arXiv:{entry.arxiv}\n\n{inspect.getdoc(door)}\n")
    print(f"public names   {', '.join(door.__all__)}")
    print(f"recipes        {', '.join(ground.config.recipes(entry.package))}")
    print(f"install        pip install '.[{entry.extra}]' in the clone")
    try:
        verbs = entry.verbs()
    except MissingDependency as absent:
        print(f"verbs          not to be had yet: {absent}")
        return
    if verbs:
        print(f"verbs          {', '.join(f'consilience {entry.command} {verb}' for verb in verbs)}")


def cite(room: str, /) -> None:
    """Print the paper of a method as BibTeX.

    Parameters
    ----------
    room
        Name of the method, as `list` prints it.
    """
    print(catalogue.method(room).bibtex())


def reproduce(
    rooms: tuple[str, ...] = (),
    /,
    *,
    recipe: str = "smoke",
    seed: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
    json: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="KEY=VALUE")] = (),  # noqa: A002
    runs: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs"),
    fresh: bool = False,
    quiet: bool = False,
    track: Literal["mlflow"] | None = None,
) -> int:
    """Measure the claims of methods and say which hold.

    Parameters
    ----------
    rooms
        Methods to run; all of them when none is named.
    recipe
        smoke: seconds on one core; small: minutes on two; paper: the published setting; or one that a room has beside
        these, such as fashion of em-diffusion.
    seed
        Root of all randomness; that of the recipe unless given.
    json
        Write the claims of this call to this file.
    set
        Override a setting of the recipe, such as digits.gates=200; may be repeated.
    runs
        Folder for the run folders, the ledger and the page.
    fresh
        Forget what earlier runs of the same settings left, and measure again.
    quiet
        Report no progress.
    track
        Send what was measured to MLflow too: to MLFLOW_TRACKING_URI, or else to mlflow.db in the folder of the runs.
    """
    if json is not None:
        ground.folder.require_writable(json, "--json")
    ground.ledger.require_own_page(runs)
    chosen = [catalogue.method(room) for room in dict.fromkeys(rooms)] or list(catalogue.METHODS)
    chosen, lacking = _installed(chosen, named=bool(rooms))
    flags = ground.config.parse_settings(set)
    changed = tuple(ground.config.unfolded(flags))
    if seed is not None:
        flags["seed"] = ground.Streams(seed).seed
    plans = [_plan(entry, recipe, flags, changed) for entry in chosen]
    tracker = None if track is None else late_module("consilience.tracking", "{missing}", usually="").Tracker(runs)
    reports, broken = _measured(plans, runs, tracker, fresh=fresh, quiet=quiet)
    claims = [claim for report in reports for claim in report.claims]
    if json is not None:
        record = ground.ledger.rows(reports)
        ground.folder.write_whole(json, jsonlib.dumps(record, indent=2, allow_nan=False) + "\n")
    _write_ledger(runs, claims, lacking)
    if tracker is not None:
        print(f"mlflow: {tracker.place}")
    if broken:
        raise ExceptionGroup("what was measured is on the page", broken) if len(broken) > 1 else broken[0]
    return int(any(claim.verdict == "fails" for claim in claims))


def _measured(
    plans: "Sequence[_Plan]", runs: Path, tracker: "Tracker | None", *, fresh: bool, quiet: bool
) -> "tuple[list[Report], list[Exception]]":
    """Run one room after the other; return their reports, and the errors that cost a claim, or MLflow a report."""
    reports: list[Report] = []
    broken: list[Exception] = []
    if fresh:
        # All before the first is measured: a run that is interrupted goes on without --fresh.
        for plan in plans:
            ground.folder.forget_run(runs / plan.folder)
    with ground.progress.Course("methods", len(plans), quiet=quiet) as course:
        for plan in plans:
            folder = ground.RunFolder(runs / plan.folder, quiet=quiet, course=course, changed=plan.changed)
            try:
                reports.append(plan.entry.part("experiment").run(plan.config, folder))
            except ground.laboratory.BrokenStudies as error:
                reports.append(error.report)
                broken.append(error)
            except ConsilienceError as mistake:
                if broken:  # else nobody would hear of them
                    raise ExceptionGroup("methods before it broke", [*broken, mistake]) from None
                raise
            if tracker is not None:
                try:
                    tracker.send(reports[-1], folder.path)
                except InvalidInput as error:
                    broken.append(error)
                    tracker = None
    return reports, broken


def ledger(*, runs: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("runs")) -> None:
    """Write the ledger and its page anew from run folders, and measure nothing.

    Parameters
    ----------
    runs
        Folder of the run folders, such as `reproduce` was given.
    """
    if not runs.is_dir():
        raise InvalidInput(f"--runs must name a folder that `consilience reproduce` wrote; there is no {runs}")
    _write_ledger(runs)


def _write_ledger(runs: Path, claims: "Sequence[Claim] | None" = None, lacking: Sequence[str] = ()) -> None:
    """Write ledger and page from run folders, show claims, those of all runs unless given, and say what is left out."""
    found = ground.ledger.collect(runs)
    page = ground.ledger.write(found, runs, catalogue.questions())
    every = [claim for run in found.runs for claim in run.report.claims]
    ground.ledger.show(every if claims is None else claims)
    for line in (*lacking, *found.unreadable):
        print(f"passed over: {line}", file=sys.stderr)
    print(f"page: {page.resolve()}")


def _installed(chosen: list[Method], *, named: bool) -> tuple[list[Method], list[str]]:
    """Part the rooms that can be run here from those that cannot, with why; one that was named must be there."""
    able, lacking = [], []
    for entry in chosen:
        try:
            entry.part("experiment")
        except MissingDependency as absent:
            if named:
                raise
            lacking.append(str(absent))
        else:
            able.append(entry)
    if not able:
        raise MissingDependency("no method can be run yet; install consilience[all], or what `consilience show` names")
    return able, lacking


@dataclass(frozen=True)
class _Plan:
    """A room, the settings it will run with, and the folder under `runs` that is theirs alone."""

    entry: Method
    config: Any
    folder: Path
    changed: tuple[str, ...]


def _plan(entry: Method, recipe: str, flags: Mapping[str, Any], changed: tuple[str, ...]) -> _Plan:
    """Resolve the settings of one room before any room runs, so that a mistake costs nothing."""
    settings = {**ground.config.read_recipe(entry.package, recipe), "recipe": recipe}
    config = ground.config.resolve(entry.part("config").Config, settings, flags)
    name = f"{recipe}-seed{config.seed}"
    if changed:
        name += "-" + hashlib.sha256(ground.config.to_toml(config).encode()).hexdigest()[:8]
    return _Plan(entry, config, Path(entry.name) / name, changed)


def studio(
    runs: Path = Path("runs"),
    /,
    *,
    port: int = 8770,
    host: str = "127.0.0.1",
    open: bool = False,  # noqa: A002  as it is written
    i_know: bool = False,
) -> None:
    """Look at run folders in a browser, while they grow and afterwards; ctrl-C ends it.

    Parameters
    ----------
    runs
        Folder with run folders, the --runs of reproduce, or a single one.
    port
        Where to listen; 0 is any that is free.
    host
        Who may look: this machine alone unless given.
    open
        Open it in the browser of this machine.
    i_know
        With a --host that other machines reach: whoever reaches it reads everything, without a password.
    """
    told = "the studio needs {missing}; install consilience[studio]"
    serving = late_module("consilience.studio.serving", told, usually="starlette")
    serving.serve(runs, partial(print, flush=True), host=host, port=port, opened=open, known=i_know)


VERBS: Mapping[str, Verb] = {
    "list": list_methods,
    "show": show,
    "reproduce": reproduce,
    "ledger": ledger,
    "studio": studio,
    "cite": cite,
}


def _dispatch(words: list[str]) -> int:
    if words[:1] == ["--version"]:
        print(f"consilience {__version__}")
        return 0
    families = {entry.command: entry for entry in catalogue.METHODS}
    if not words or words[0] in ("-h", "--help"):
        return _menu(
            {**_first_lines(VERBS), **{name: entry.question for name, entry in families.items()}}, "consilience"
        )
    first = words[0].replace("_", "-")
    if first not in families:
        return _among(VERBS, words, "consilience", "verb or room", also=families)
    verbs = families[first].verbs()
    if not verbs:
        raise InvalidInput(f"{first} has no verbs of its own; try `consilience show {first}`")
    return _among(verbs, words[1:], f"consilience {first}", "verb")


def _among(verbs: Mapping[str, Verb], words: list[str], program: str, kind: str, also: Iterable[str] = ()) -> int:
    """Run the verb that the first word names, or answer with the nearest known one."""
    if not words or words[0] in ("-h", "--help"):
        return _menu(_first_lines(verbs), program)
    name = words[0].replace("_", "-")
    if name not in verbs:
        raise UnknownName(kind, words[0], [*verbs, *also])
    return _call(verbs[name], words[1:], f"{program} {name}")


def _menu(choices: Mapping[str, str], program: str) -> int:
    """Print what there is to choose from; by hand, because tyro takes longer to start than to read this."""
    width = max(map(len, choices))
    print(f"usage: {program} CHOICE ... (each answers to --help)\n")
    for name, meaning in choices.items():
        print(f"  {name:<{width}}  {meaning}")
    return 0


def _first_lines(verbs: Mapping[str, Verb]) -> dict[str, str]:
    return {name: (inspect.getdoc(verb) or "").partition("\n")[0] for name, verb in verbs.items()}


def _call(verb: Verb, words: list[str], program: str) -> int:
    """Parse `words` for the verb and run it; what tyro rejects in a frame becomes one line."""
    complaint = StringIO()
    try:
        with redirect_stderr(complaint):
            chosen = tyro.cli(_held(verb), prog=program, args=words, config=_MANNERS)
    except SystemExit as leaving:
        if not leaving.code:
            return 0
        _refuse_unknown_flags(verb, words)
        raise InvalidInput(_in_one_line(complaint.getvalue())) from None
    return chosen() or 0


def _held(verb: Verb) -> Callable[..., Callable[[], int | None]]:
    """Return a function of the same signature that holds the call back, so that parsing is over before work begins."""

    @wraps(verb)
    def hold(*args: Any, **kwargs: Any) -> Callable[[], int | None]:
        return partial(verb, *args, **kwargs)

    return hold


def _refuse_unknown_flags(verb: Verb, words: list[str]) -> None:
    """Answer a flag that the verb does not have with the nearest one it has."""
    flags = (entry for entry in inspect.signature(verb).parameters.values() if entry.kind is not entry.POSITIONAL_ONLY)
    known = {f"--{entry.name.rstrip('_').replace('_', '-')}" for entry in flags} | {"--help"}  # --as is as_
    for word in words:
        flag = word.partition("=")[0].replace("_", "-")
        if flag.startswith("--") and flag not in known:
            raise UnknownName("flag", word.partition("=")[0], known)


def _in_one_line(box: str) -> str:
    """Unfold tyro's framed complaint and keep its message."""
    lines = (line.strip("│ ") for line in box.splitlines() if not line.startswith(("╭", "╰")))
    parts = [part.strip() for part in " ".join(line if line.strip("─") else "\n" for line in lines if line).split("\n")]
    unknown = next((part for part in parts if part.startswith("Unrecognized")), "")
    message = unknown or parts[0].partition("Got errors:")[0].strip()
    return message or "the command could not be read; try --help"


def _resuming(words: list[str]) -> str:
    if words[:1] != ["reproduce"]:
        return "nothing half-written is left behind"
    again = shlex.join(word for word in words if word != "--fresh")
    return f"`consilience {again}` resumes where it stopped"

"""Measure the front door: from a clone to the page, what starting weighs, the shape, what is shown, how the page looks.

Run from the root of the repository, with the tools installed (`make test` does that)::

    python benchmarks/house/measure.py                       # all five: above half an hour on two cores, with a network
    python benchmarks/house/measure.py --skip demo           # all but the clone: about ten minutes
    python benchmarks/house/measure.py --only shape,docs

What is left out, and what cannot be measured where it is run, is written down as not measured, with the reason.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from statistics import median

from pydantic.dataclasses import dataclass
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "conformance")]

from chromium import EXECUTABLE, Gone, browsing
from house_shape import FLOORS, RUN, circle, imports, modules, repeated, shared_part
from looking import SMALLEST_PX, WIDTHS, asked, beyond, smallest_px, unfold
from shown import PAGES, Block, blocks, mentioned
from stages import STAGES, Stage

from consilience.catalogue import METHODS
from consilience.ground import (
    STRICT,
    Evidence,
    Measurement,
    MissingDependency,
    RunFolder,
    Statement,
    conduct,
)
from consilience.ground.folder import write_whole
from consilience.ground.ledger import Ledger, Run, collect, show, write
from consilience.ground.machine import machine

SOURCE = ROOT / "src" / "consilience"
RESULTS = Path(__file__).parent / "results" / "house.json"
STATEMENTS = {
    name: Statement(id=f"house.{name}", sentence=sentence, source="our bar")
    for name, sentence in {
        "demo": "From a bare clone `make demo` leads to the page and `make test` passes, with nothing else done; "
        "once installed, every method at smoke size takes minutes on two cores.",
        "light": "The package is imported and answers in the blink of an eye, its base is small, and agents are "
        "installed and run without torch.",
        "shape": "Floors that rooms share are under a third of the lines; import contracts are kept, there is no "
        "circle, and no run of twelve lines stands twice.",
        "docs": "Every command and snippet in README and docs is executed by the tests, or by the claim house.demo.",
        "page": "The page of the ledger asks for nothing, the console complains of nothing, and it is readable at "
        "375, 768 and 1440 pixels.",
    }.items()
}
MOST_MINUTES, MOST_IMPORT_MS, MOST_HELP_MS, MOST_MB = 6.0, 100.0, 300.0, 100.0
MINUTE_S = 60.0


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What is measured, and how often."""

    recipe: str = "house"
    """Recipe the settings started from."""
    seed: int = 0
    """Root of all randomness; there is none here."""
    measured: tuple[str, ...] = tuple(STATEMENTS)
    """Claims that are measured, without what stands before their dot."""
    rounds: int = 21
    """How many fresh processes are timed, at least 10; one more before them is not counted."""


def fails(name: str, count: int, note: str = "") -> Measurement:
    """Return a count of what must not be."""
    return Measurement(name=name, value=count, at_most=0, note=note)


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def python_here() -> dict[str, str]:
    """Return the environment in which this Python has the house from these files."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def python_there() -> dict[str, str]:
    """Return an environment in which nothing of this process's own reaches another Python."""
    ours = re.compile(r"PYTHON(?!$)|VIRTUAL_ENV|MAKE|MFLAGS|(RUNS|RECIPE|JOBS)$")
    return {name: value for name, value in os.environ.items() if not ours.match(name)}


# From a clone to the page


@plain_dataclass(frozen=True)
class Verb:
    """What became of a verb of the Makefile in a clone."""

    name: str
    status: int
    setup_s: float | None
    """From the beginning to the end of the installation; None where it did not end."""
    run_s: float | None
    """What came after it."""
    said: str
    """The last line that it said."""


def verb(clone: Path, name: str, stamp: str) -> Verb:
    """Run a verb, pass on what it says, and tell the installation apart by the stamp that it leaves."""
    began = time.time()
    words = ["make", name]
    with subprocess.Popen(
        words, cwd=clone, env=python_there(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as made:
        said = ""
        for line in made.stdout or ():
            print(line, end="", flush=True)
            said = line.strip() or said
    ended = time.time()
    mark = clone / ".venv" / stamp
    installed = mark.stat().st_mtime if mark.exists() else None
    setup_s = None if installed is None else installed - began
    return Verb(name, made.returncode, setup_s, None if installed is None else ended - installed, said)


def demo(root: Path, clone: Path, methods: int = len(METHODS), ran: list[Verb] | None = None) -> Evidence:
    """Clone the repository as it was committed, use the two verbs of its README in turn, and add them to what ran."""
    subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
    shown, tested = verb(clone, "demo", ".methods"), verb(clone, "test", ".installed")
    if ran is not None:
        ran += [shown, tested]
    left = [one for one in (shown, tested) if one.status]
    page = (clone / "runs" / "index.html").is_file()
    rooms = {run.report.room for run in collect(clone / "runs").runs} if page else set()

    def minutes(name: str, seconds: float | None, note: str, **bar: float) -> Measurement:
        value = None if seconds is None else seconds / MINUTE_S
        return Measurement(name=name, value=value, unit="min", timing=True, note=note, **bar)

    return Evidence(
        measurements=(
            minutes(
                "every method at smoke size, after installation",
                shown.run_s,
                f"one run of `make demo` in a clone of {commit(clone)}, on {machine()['cores']} cores; "
                f"its last line: {told(shown, clone)}",
                at_most=MOST_MINUTES,
            ),
            fails(
                "verbs that left with another status than 0",
                len(left),
                "; ".join(f"make {one.name}: {one.status}, {told(one, clone)}" for one in left)
                or "make demo, make test",
            ),
            Measurement(name="methods on the page", value=len(rooms), at_least=methods),
            minutes("installation of the methods", shown.setup_s, "depends on the network, and on what is kept of it"),
            minutes("installation of the tools besides", tested.setup_s, "what tests and checks need"),
            minutes("the tests, after installation", tested.run_s, told(tested, clone)),
        )
    )


def told(one: Verb, clone: Path) -> str:
    """Return the last line of a verb without where the clone was."""
    return one.said.replace(f"{clone}/", "")


def commit(where: Path) -> str:
    words = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


# What starting weighs


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and its interval of 95 %, which are two of the values themselves.

    The count of values below the true median is binomial, whatever they are drawn from.
    """
    ordered = sorted(values)
    skipped = max(int(binom.ppf(0.025, len(ordered), 0.5)) - 1, 0)
    return median(ordered), ordered[skipped], ordered[-1 - skipped]


def timed(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return how long a process takes, in milliseconds."""
    began = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return 1e3 * (time.perf_counter() - began)


def weight_mb(folder: Path) -> float:
    """Return what a folder takes on disk in MB, as du counts it: blocks, a file with several names once."""
    found = {(one.st_dev, one.st_ino): one.st_blocks for one in (path.lstat() for path in folder.rglob("*"))}
    return 512e-6 * sum(found.values())


def pip(python: Path, what: str) -> None:
    """Install the house, with what it brings, as a stranger does: without the versions that we test with."""
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", what]
    done = subprocess.run(words, cwd=ROOT, env=python_there(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingDependency(f"`pip install {what}` failed: {last_line(done.stderr)}")


def light(home: Path, rounds: int) -> Evidence:
    """Install the base and then agents into a Python of their own, and time fresh processes."""
    venv.create(home, with_pip=True)
    python, command = home / "bin" / "python", home / "bin" / "consilience"
    (site,) = home.glob("lib/python*/site-packages")
    empty = weight_mb(site)
    pip(python, ".")
    base = weight_mb(site) - empty
    kinds: dict[str, Callable[[], float]] = {
        "import consilience, with Python's own start": lambda: timed(
            [str(python), "-c", "import consilience"], python_there()
        ),
        "consilience --help": lambda: timed([str(command), "--help"], python_there()),
        "consilience --help, with every method installed": lambda: timed(
            [sys.executable, "-m", "consilience", "--help"], python_here()
        ),
        "Python alone": lambda: timed([str(python), "-c", ""], python_there()),
    }
    times = in_turns(kinds, rounds)
    pip(python, ".[agents]")
    words = [str(command), "agent-networks", "run", "Say hello.", "--topology", "chain", "--agents", "2"]
    ran = subprocess.run(words, cwd=home, env=python_there(), capture_output=True, text=True, check=False)
    bars = dict(zip(kinds, (MOST_IMPORT_MS, MOST_HELP_MS, MOST_HELP_MS, None), strict=True))
    return Evidence(
        measurements=(
            *(milliseconds(name, values, bars[name]) for name, values in times.items()),
            Measurement(
                name="base install",
                value=base,
                at_most=MOST_MB,
                unit="MB",
                note="`pip install .` into an empty environment: blocks that its packages take, byte code with them, "
                "pip's own left out",
            ),
            fails("torch in an environment with agents", int((site / "torch").exists()), "`pip install '.[agents]'`"),
            fails(
                "rehearsed networks of agents that fail there",
                int(ran.returncode != 0),
                last_line(ran.stderr) if ran.returncode else "",
            ),
            Measurement(name="install with agents", value=weight_mb(site) - empty, unit="MB"),
        )
    )


def in_turns(kinds: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each kind once a round, so that a slow minute slows all of them; the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(rounds + 1):
        for name, measure in kinds.items():
            value = measure()
            if number:
                times[name].append(value)
    return times


def milliseconds(name: str, values: list[float], bar: float | None) -> Measurement:
    value, low, high = middle(values)
    note = f"median of {len(values)} fresh processes, with its interval"
    return Measurement(name=name, value=value, low=low, high=high, at_most=bar, unit="ms", timing=True, note=note)


# The shape


def shape() -> Evidence:
    """Read the files as the tests of the shape do, and ask import-linter for its contracts."""
    files = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}
    found, twice = circle(imports(SOURCE)), repeated(files)
    lines = sum(len(text.splitlines()) for text in files.values())
    return Evidence(
        measurements=(
            Measurement(
                name=f"lines on the shared floors ({', '.join(FLOORS)})",
                value=100 * shared_part(SOURCE),
                at_most=100 / 3,
                unit="%",
                note=f"of {lines} lines in {len(modules(SOURCE))} modules",
            ),
            contracts(),
            fails("circles of imports", int(bool(found)), " → ".join(found)),
            fails(f"runs of {RUN} lines that stand twice", len(twice), "; ".join(twice)),
        )
    )


def contracts() -> Measurement:
    """Count import contracts that are broken."""
    name = "import contracts that are broken"
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, env=python_here(), capture_output=True, text=True, check=False)
    counted = re.search(r"(\d+) kept, (\d+) broken", done.stdout)
    if counted is None:
        return Measurement(name=name, value=None, at_most=0, note=last_line(done.stderr))
    return fails(name, int(counted[2]), f"{counted[1]} are kept")


# What pages show


@plain_dataclass(frozen=True)
class Shown:
    """A snippet or a command on a page, and why the tests do not execute it."""

    page: str
    kind: str
    text: str
    why_not: str | None
    elsewhere: bool = False
    """Whether it is executed for another page, which shows it in the same words."""


def everything_shown() -> list[Shown]:
    """Return what README and docs show, as the tests find it."""
    return [
        one
        for name, path in PAGES.items()
        if name == "README.md" or name.startswith("docs/")
        for block in blocks(path)
        for one in _of(name, block)
    ]


def _of(page: str, block: Block) -> list[Shown]:
    stage = STAGES.get(page)
    reason = "the page has no stage" if stage is None else None
    if block.kind == "python":
        return [Shown(page, "snippet", block.text.strip().splitlines()[0], reason)]
    if block.kind != "commands":
        return []
    stage = stage or Stage()
    return [
        Shown(page, "command", " ".join(words), why := reason or stage.why_not(words), not (why or stage.runs(words)))
        for words in block.commands
    ]


def executed(shown: Sequence[Shown], ran: Sequence[Verb]) -> Measurement:
    """Count what is executed: by the tests, or by house.demo, which brought a verb to its end in this measurement."""
    verbs = {f"make {one.name}" for one in ran if not one.status}
    there = [one for one in shown if one.why_not and one.text in verbs]
    unrun = [one for one in shown if one.why_not and one.text not in verbs]
    tested = len(shown) - len(there) - len(unrun)
    kinds = Counter(one.kind for one in shown)
    whys = Counter(one.why_not for one in unrun).most_common()
    reasons = "; ".join(f"{count} ({why})" for why, count in whys) or "there are none"
    return Measurement(
        name="commands and snippets that are executed",
        value=100 * (1 - len(unrun) / len(shown)),
        at_least=100,
        unit="%",
        note=f"of {len(shown)}, {kinds['snippet']} snippets of Python and {kinds['command']} commands, {tested} by the "
        f"tests ({sum(one.elsewhere for one in shown)} of them for another page that shows the same words) and "
        f"{len(there)} by house.demo in this measurement; the others are only read by the program that they name: "
        f"{reasons}",
    )


def docs(ran: Sequence[Verb] = ()) -> Evidence:
    """Count what is shown and what of it is executed, and run the tests that do."""
    named = sum(len(mentioned(path)) for name, path in PAGES.items() if name != "CONTRIBUTING.md")
    words = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "tests/test_pages.py"]
    done = subprocess.run(words, cwd=ROOT, env=python_here(), capture_output=True, text=True, check=False)
    counts = Counter({word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|errors?)", done.stdout)})
    bad = counts["failed"] + counts["error"] + counts["errors"]
    counted = bool(counts["passed"] or bad)
    return Evidence(
        measurements=(
            executed(everything_shown(), ran),
            Measurement(
                name="tests of pages that fail",
                value=bad if counted else None,
                at_most=0,
                note=last_line(done.stdout if counted else done.stdout + done.stderr),
            ),
            Measurement(name="commands within sentences, which are read as well", value=named),
        ),
    )


# The page of the ledger


@plain_dataclass(frozen=True)
class Look:
    """What was seen of a page at every width, folded and unfolded."""

    requests: list[str]
    complaints: list[str]
    wide: list[str]
    """What reaches beyond the window, each after the width of the window."""
    smallest_px: float


def look(address: str, profile: Path) -> Look:
    """Look at a page in a browser."""
    wide: list[str] = []
    sizes: list[float] = []
    with browsing(profile) as browser:
        opened = browser.page(width=max(WIDTHS))
        opened.go(address)
        requests = asked(opened, address)
        for width in WIDTHS:
            opened.resize(width, 900)
            for whether in (True, False):
                unfold(opened, whether=whether)
                wide += [f"{width}: {one}" for one in beyond(opened)]
                sizes.append(smallest_px(opened))
        return Look(requests, list(browser.complaints), wide, min(sizes))


def page(runs: Path, scratch: Path) -> Evidence:
    """Look at the page of all methods; where the clone left none, measure them at smoke size first."""
    if not (runs / "index.html").is_file():
        runs = scratch / "runs"
        words = [sys.executable, "-m", "consilience", "reproduce", "--recipe", "smoke", "--runs", str(runs), "--quiet"]
        subprocess.run(words, env=python_here(), check=False, stdout=subprocess.DEVNULL)
    ledger = collect(runs)
    target = write(ledger, runs, {one.name: one.question for one in METHODS})
    try:
        seen = look(f"file://{target}", scratch / "profile")
    except Gone as error:
        raise MissingDependency(f"the browser did not do what it was asked to: {error}") from error
    claims = sum(len(run.report.claims) for run in ledger.runs)
    at = ", ".join(map(str, WIDTHS))
    return Evidence(
        measurements=(
            fails("requests beyond the page itself", len(seen.requests), "; ".join(seen.requests)),
            fails("errors in the console", len(seen.complaints), "; ".join(seen.complaints)),
            fails(f"things that reach beyond a window of {at} pixels", len(seen.wide), "; ".join(seen.wide[:5])),
            Measurement(
                name="smallest letters",
                value=seen.smallest_px,
                at_least=SMALLEST_PX,
                unit="px",
                note=f"at {at} pixels, folded and unfolded",
            ),
            Measurement(
                name="methods on the page",
                value=len({run.report.room for run in ledger.runs}),
                at_least=len(METHODS),
                note=f"with {claims} claims, at smoke size",
            ),
        )
    )


# All of it


def measure(config: Config, scratch: Path) -> Run:
    """Measure what is asked for, and return the report in its folder."""
    clone = scratch / "clone"
    ran: list[Verb] = []
    studies: dict[str, Callable[[], Evidence]] = {
        "demo": lambda: demo(ROOT, clone, ran=ran),
        "light": lambda: light(scratch / "light", config.rounds),
        "shape": shape,
        "docs": lambda: docs(ran),  # after demo, as they stand
        "page": lambda: page(clone / "runs", scratch),
    }
    lacking = {} if EXECUTABLE else {"page": "needs a chromium to look with; there is none"}
    planned = [
        (statement, lacking.get(name, studies[name]) if name in config.measured else "left out of this run")
        for name, statement in STATEMENTS.items()
    ]
    folder = RunFolder(scratch / "house", quiet=True)
    return Run(folder.path, conduct("house", config, folder, planned))


def words_told(words: Sequence[str] | None = None) -> argparse.Namespace:
    def names(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        if unknown := set(found) - STATEMENTS.keys():
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(STATEMENTS)}; got {', '.join(unknown)}")
        return found

    parser = argparse.ArgumentParser(description="Measure the front door, and keep the numbers.")
    parser.add_argument("--only", type=names, default=tuple(STATEMENTS), help="claims to measure, by commas")
    parser.add_argument("--skip", type=names, default=(), help="claims to leave out, by commas")
    parser.add_argument("--rounds", type=int, default=Config().rounds, help="fresh processes that are timed")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the numbers go")
    found = parser.parse_args(words)
    if found.rounds < 10:
        parser.error(f"expected at least 10 rounds; got {found.rounds}")
    return found


def main(words: Sequence[str] | None = None) -> int:
    asked_for = words_told(words)
    wanted = tuple(name for name in STATEMENTS if name in asked_for.only and name not in asked_for.skip)
    with tempfile.TemporaryDirectory() as scratch:
        run = measure(Config(measured=wanted, rounds=asked_for.rounds), Path(scratch))
    show(run.report.claims)
    print(f"wrote {write_whole(asked_for.out, Ledger((run,)).to_json() + chr(10))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

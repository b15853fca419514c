"""What a run of a rival engine is made of: the model that all are given, how long they take, and what that costs.

This file is run by its path with a room's file of engines as its argument, so that a Python without this package can
run a peer: it needs the standard library only, and stands for itself when the room's file imports it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import resource
import runpy
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import NormalDist, median
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

__all__ = [
    "ARTIFACT", "Build", "Job", "Model", "Outcome", "Run", "Visit", "answer", "compiled", "direct", "in_session",
    "measured", "peak_mb",
]  # fmt: skip

ARTIFACT = 1000
"""Characters of everything that is said."""

ENOUGH_S, MOST_RUNS = 0.3, 15
"""A run without latency is repeated until its runs took so much processor time together, and so often at most."""

_STANDARD = NormalDist()


class Visit(NamedTuple):
    """One call, as whoever answers saw it."""

    element: str
    """Who asked."""
    arrived_s: float
    """When."""
    finished_s: float
    """When the reply went out."""


@runtime_checkable
class Job(Protocol):
    """What an engine is to run: a dataclass of which a room says what more there is to it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def engine(self) -> str:
        """Name of the engine."""

    @property
    def mean_s(self) -> float:
        """Mean of the lognormal latency; 0 for none at all."""

    @property
    def sigma(self) -> float:
        """Deviation of the logarithm of the latency."""

    @property
    def seed(self) -> int:
        """Deals out latencies."""


J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    calls: int
    """Questions that were answered."""
    cpu_s: float
    """Processor time of the run, all threads, once the engine was loaded and its graph was built.

    A run without latency is short; it is repeated for a while, and this is the median.
    """
    built_cpu_s: float
    """Processor time of building the graph."""
    makespan_s: float
    """From the first question to the last reply."""
    critical_path_s: float
    """The least that the calls could have taken together, as long as each of them took."""
    grown_mb: float
    """Memory that the build and the run took at their peak."""
    kept_bytes: int
    """Bytes of the files in which the engine kept the run."""
    version: str
    """Of the engine."""


@dataclass
class Model:
    """Answers after a latency that belongs to the element and the number of its question, whoever runs it."""

    mean_s: float = 0.0
    sigma: float = 0.8
    seed: int = 0
    visits: list[Visit] = field(default_factory=list)
    """Calls so far; only kept where there is latency."""
    calls: int = 0

    async def say(self, element: str, occurrence: int) -> str:
        """Answer a question of an element."""
        self.calls += 1
        if self.mean_s:
            clock = asyncio.get_running_loop().time
            arrived_s = clock()
            await asyncio.sleep(self.latency_s(element, occurrence))
            self.visits.append(Visit(element, arrived_s, clock()))
        return f"{element}/{occurrence} ".ljust(ARTIFACT, ".")

    def latency_s(self, element: str, occurrence: int) -> float:
        """Return how long an answer takes."""
        drawn = blake2b(f"{self.seed}/{element}/{occurrence}".encode(), digest_size=8).digest()
        normal = _STANDARD.inv_cdf((int.from_bytes(drawn, "little") + 0.5) / 2**64)
        return self.mean_s * math.exp(self.sigma * (normal - self.sigma / 2))


Run = Callable[[], Awaitable[object]]
"""What was built and can be run."""

Build = Callable[[J, Model, Path | None], Awaitable[tuple[Run, str]]]
"""Builds what runs a job against a model, kept in the folder if there is one; the text is the engine's version."""


def measured(
    job: J, small: J, engines: Mapping[str, tuple[Build[J], bool]], least_s: Callable[[J, Sequence[Visit]], float]
) -> Outcome:
    """Run a job in this process, and measure it.

    Parameters
    ----------
    job
        What to run.
    small
        A job for the same engine that is run before, so that what is imported and compiled for the first time is no
        part of the measurement.
    engines
        Those of the room by name, and whether they keep their run in a folder.
    least_s
        The least that the calls could have taken together.
    """
    return asyncio.run(_measured(job, small, engines, least_s))


def compiled(graph: Any, folder: Path | None) -> tuple[Run, str]:
    """Compile a LangGraph whose state may begin empty; with a folder, with its checkpoints in SQLite."""
    settings: dict[str, Any] = {"recursion_limit": 10**6}
    if folder is None:
        ready = graph.compile()

        async def bare() -> object:
            return await ready.ainvoke({}, settings)

        return bare, version("langgraph")
    saver = import_module("langgraph.checkpoint.sqlite.aio").AsyncSqliteSaver

    async def kept() -> object:
        async with saver.from_conn_string(str(folder / "checkpoints.sqlite")) as checkpointer:
            return await graph.compile(checkpointer=checkpointer).ainvoke(
                {}, {**settings, "configurable": {"thread_id": "run"}}
            )

    return kept, version("langgraph")


def direct(model: Model) -> Any:
    """Return a session of our own with nothing to it: who asks it is answered by the model at once."""
    reply_of = import_module("consilience.dialogue.messages").Reply

    class Direct:
        name = "rehearsal:peer"

        async def ask(self, question: Any, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Any:
            del priority, caused_by
            return await self.reply(question)

        async def reply(self, question: Any) -> Any:
            return reply_of(text=await model.say(question.element, question.occurrence), model=self.name)

        def last_event(self, element: str) -> tuple[str, ...]:
            del element
            return ()

        async def close(self) -> None:
            pass

    return Direct()


@contextmanager
def in_session(asked: Any, folder: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Lend a session that asks what `direct` returns, and its journal and transcript, in a folder, by these names."""
    journal_type, transcript_type, session_type = (
        getattr(import_module(f"consilience.dialogue.{name.lower()}"), name)
        for name in ("Journal", "Transcript", "Session")
    )
    with (
        journal_type.open(folder / "journal.sqlite", "run") as journal,
        transcript_type(folder / "transcript.jsonl") as transcript,
    ):
        kept = {"journal": journal, "transcript": transcript}
        yield session_type(asked, **kept), kept


def peak_mb() -> float:
    """Return the most memory that this process held so far, in MB of 1,024 KB.

    As `consilience.ground.machine.peak_memory_mb`, which a peer's Python does not have.
    """
    try:
        said = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(said.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answer(job: Callable[..., J], run: Callable[[J], Outcome]) -> int:
    """Run the job that standard input holds, say what came of it, and return the exit status."""
    outcome = run(job(**json.loads(sys.stdin.read())))
    sys.stdout.write(f"\n{json.dumps(asdict(outcome))}\n")
    return 0


async def _measured(
    job: J, small: J, engines: Mapping[str, tuple[Build[J], bool]], least_s: Callable[[J, Sequence[Visit]], float]
) -> Outcome:
    build, keeps = engines[job.engine]
    with tempfile.TemporaryDirectory() as name:
        await (await build(small, Model(), Path(name) if keeps else None))[0]()
    gc.collect()
    held_mb = peak_mb()
    model = Model(job.mean_s, job.sigma, job.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun_s = time.process_time()
        go, which = await build(job, model, folder if keeps else None)
        built_s = time.process_time()
        await go()
        ended_s = time.process_time()
        kept = sum(file.stat().st_size for file in folder.iterdir())
    visits = model.visits
    spans_s = [ended_s - built_s]
    while not job.mean_s and sum(spans_s) < ENOUGH_S and len(spans_s) < MOST_RUNS:
        spans_s.append(await _again(job, build, keeps=keeps))
    return Outcome(
        calls=model.calls,
        cpu_s=median(spans_s),
        built_cpu_s=built_s - begun_s,
        makespan_s=max(v.finished_s for v in visits) - min(v.arrived_s for v in visits) if visits else 0.0,
        critical_path_s=least_s(job, visits) if visits else 0.0,
        grown_mb=peak_mb() - held_mb,
        kept_bytes=kept,
        version=which,
    )


async def _again(job: J, build: Build[J], *, keeps: bool) -> float:
    """Run a job once more, and return the processor time of the run."""
    with tempfile.TemporaryDirectory() as name:
        go, _ = await build(job, Model(job.mean_s, job.sigma, job.seed), Path(name) if keeps else None)
        begun_s = time.process_time()
        await go()
        return time.process_time() - begun_s


if __name__ == "__main__":
    # The room's file imports this one by its name; here there is only this file.
    sys.modules["consilience.dialogue.trials.rival"] = sys.modules[__name__]
    runpy.run_path(sys.argv[1], run_name="__main__")

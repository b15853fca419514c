"""Run folders to look at: a finished one, one of agents, and what is wrong in others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Canvas
from pydantic.dataclasses import dataclass
from starlette.testclient import TestClient

from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Reply, Usage
from consilience.dialogue.transcript import Transcript
from consilience.ground import STRICT, Evidence, Measurement, RunFolder, Statement, Table, conduct
from consilience.studio.site import application


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """Settings of a room that is none."""

    recipe: str = "smoke"
    seed: int = 0
    tosses: int = 100


def statement(name: str) -> Statement:
    return Statement(id=name, sentence=f"The sentence of {name}.", source="arXiv:0000.00000")


def measured(path: Path, *, seed: int = 0, share: float = 0.52, fails: bool = False) -> Path:
    """Leave a finished run with a figure, a table and numbers along the way."""
    folder = RunFolder(path, quiet=True)

    def heads() -> Evidence:
        canvas = Canvas(figsize=(3, 2))
        canvas.subplots().plot([0, 1], [0, share])
        for step in range(3):
            folder.metric("loss", 1.0 / (step + 1), step=step, arm="fair")
        bars = (
            Measurement(name="share of heads", value=share, low=share - 0.1, high=share + 0.1, at_least=0.4),
            Measurement(name="edges", value=float(fails), at_most=0.0),
        )
        table = Table(title="Tosses", columns=("side", "count"), rows=(("heads", 52 + seed), ("tails", 48)))
        figure = folder.figure("coin", canvas, "How often heads came up.")
        return Evidence(measurements=bars, tables=(table,), figures=(figure,))

    studies = [(statement("coin.heads"), heads), (statement("coin.edge"), "needs a thinner coin")]
    conduct(path.parent.name, Config(seed=seed), folder, studies)
    return path


def agents(path: Path, *, name: str = "poem", text: str = "The sea.", ended: bool = True) -> Path:
    """Leave a run of two agents and the critic between them."""
    path.mkdir(parents=True)
    order = {"task": "Write a poem about <b>the sea</b>.", "seed": 0}
    record = {"version": 1, "run": name, "order": order, "means": {"journal": None}}
    (path / "run.json").write_text(json.dumps(record))

    async def talk() -> None:
        with Journal.open(path / "journal.sqlite", name) as journal, Transcript(path / "transcript.jsonl") as told:
            last = (told.add("run.begins", elements=3),)
            for element in ("0", "0->1", "1"):
                question = Question(element, (Message("user", (f"What does {element} say?",)),))
                asked = told.add("asked", element, after=last)
                await journal.put(question, Reply(text=text, model="rehearsal:echo", usage=Usage(8, 4)))
                replied = told.add("replied", element, after=(asked,), input_tokens=8, output_tokens=4, usd=0.0)
                await journal.put_artifact(element, f"{element}: {text}")
                last = (told.add("committed", element, after=(replied,)),)

    asyncio.run(talk())
    if ended:
        result = {"outcome": "done", "notice": "rehearsal: a stated stand-in, not a language model", "calls": 3}
        (path / "result.json").write_text(json.dumps(result))
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with two measured runs and one of agents."""
    root = tmp_path / "runs"
    measured(root / "coins" / "smoke-seed0")
    measured(root / "coins" / "smoke-seed1", seed=1, share=0.35, fails=True)
    agents(root / "agent_networks" / "poem")
    return root


@pytest.fixture
def visit() -> Callable[[Path], TestClient]:
    """Return what gives a client of the studio over a folder."""
    return lambda root: TestClient(application(root), base_url="http://127.0.0.1", follow_redirects=False)


@pytest.fixture
def make_agents() -> Callable[..., Path]:
    """Return what leaves a run of agents."""
    return agents


@pytest.fixture
def make_measured() -> Callable[..., Path]:
    """Return what leaves a measured run."""
    return measured

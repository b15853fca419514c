"""The Ray engine: processes give what one process gives, and one that is killed loses nothing."""

import asyncio
import json
from contextlib import suppress
from importlib.util import find_spec

import psutil
import pytest

from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import cluster
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
from consilience.dialogue.work.kinds import Text
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.engine_ray import collaborate_on_ray
from consilience.methods.cross_team.formats import stories
from consilience.methods.cross_team.stand_ins import PLAYERS

TASK = "A tale of a dog."


@pytest.fixture(scope="module")
def ray():
    """A cluster of two processors, with the engine's own settings."""
    if find_spec("ray") is None:  # not imported: the engine does that when the environment is ready for it
        pytest.skip("needs Ray, which consilience[ray] brings")
    with cluster(processors=2) as (ray, _):
        yield ray


def workers() -> list[psutil.Process]:
    """The processes where teams are."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # some end while they are looked at
            if process.name().startswith("ray::Post"):
                found.append(process)
    return found


def test_ray_gives_what_one_process_gives(typed, postgres_url, ray, capsys) -> None:
    found = []
    for engine in (("--engine", "local"), ("--engine", "ray", "--parts", 2)):
        out = f"run{len(found)}"
        words = ("--kind", "story", "--teams", 5, "--journal", postgres_url, "--out", out, *engine)
        assert typed("run", TASK, *words, "--json", "--quiet") == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["digest"] == found[1]["digest"]
    assert found[0]["lineage_digest"] == found[1]["lineage_digest"]
    assert psutil.wait_procs(workers(), timeout=20)[1] == []


def test_workers_that_are_killed_lose_nothing(postgres_url, ray) -> None:
    async def killed():
        model = Rehearsal(PLAYERS["developer"], name="developer", latency=Latency.const(0.05))
        async with RehearsalServer(model) as server:
            opening = Opening(model="developer", base_url=server.base_url, journal=postgres_url, run="run")
            running = asyncio.create_task(collaborate_on_ray(stories(4), TASK, opening, kind=Text(), parts=2))
            while len(model.attendance.visits) < 10:
                assert not running.done(), await running
                await asyncio.sleep(0.005)
            victims = workers()
            for victim in victims:
                victim.kill()
            result = await running
            with Journal.open(postgres_url, "run") as journal:
                kept = journal.fingerprint()
            whole = Opening(model="developer", base_url=server.base_url, journal=postgres_url, run="whole")
            expected = await collaborate_on_ray(stories(4), TASK, whole, kind=Text(), parts=1)
            with Journal.open(postgres_url, "whole") as journal:
                return len(victims), result, kept, expected, journal.fingerprint()

    victims, result, kept, expected, whole = asyncio.run(killed())
    assert victims == 2
    assert (result.artifact, result.lineage.digest) == (expected.artifact, expected.lineage.digest)
    assert kept == whole
    assert psutil.wait_procs(workers(), timeout=20)[1] == []


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [({"journal": "all.sqlite"}, "must have a journal that several processes can write"), ({"parts": 0}, "at least 1")],
)
def test_what_cannot_be_shared_is_refused(settings: dict, complaint: str) -> None:
    opening = Opening(
        model="rehearsal:developer", journal=settings.get("journal", "postgresql://nobody@/nothing"), run="run"
    )
    with pytest.raises(InvalidInput, match=complaint):
        asyncio.run(collaborate_on_ray(stories(2), TASK, opening, kind=Text(), parts=settings.get("parts")))


def test_the_first_that_passes_is_for_one_process(typed, postgres_url, capsys) -> None:
    words = ("--engine", "ray", "--journal", postgres_url, "--stop-when-passed")
    assert typed("run", *words) == 2
    assert "--stop-when-passed is for teams in one process" in capsys.readouterr().err

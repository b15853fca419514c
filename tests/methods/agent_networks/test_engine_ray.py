import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec

import psutil
import pytest

from consilience.dialogue.connecting import connect
from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal, JournalUnavailable
from consilience.dialogue.limits import Limits
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import cluster
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.work.kinds import Text
from consilience.ground import late
from consilience.ground.errors import InvalidInput, MissingDependency, UnknownName
from consilience.methods.agent_networks import engine_ray
from consilience.methods.agent_networks.engine_ray import traverse_on_ray
from consilience.methods.agent_networks.failure import Failure
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.topology import layer, mesh
from consilience.methods.agent_networks.traversal import traverse

TASK = "Say it."
NOWHERE = Opening(model="rehearsal:solver", journal="postgresql://nobody@/nothing?host=/nowhere", run="run")


def require_ray():
    if find_spec("ray") is None:  # not imported: the engine does that when the environment is ready for it
        pytest.skip("needs Ray, which consilience[ray] brings")


@pytest.fixture(scope="module")
def ray():
    """A cluster of two processors, with the engine's own settings."""
    require_ray()
    with cluster(processors=2) as (ray, processors):
        assert processors == 2
        yield ray


async def alone(path, network, *, base_url=None):
    transcript = Transcript()
    with Journal.open(path, "run") as journal:
        name = "solver" if base_url else "rehearsal:solver"
        model = connect(name, base_url=base_url, players=PLAYERS)
        async with Session(model, journal=journal, transcript=transcript) as session:
            result = await traverse(network, TASK, session, kind=Text(), journal=journal, transcript=transcript)
        return result, journal.fingerprint(), canonical_digest(transcript.events())


def workers():
    """The processes of parts."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # some end while they are looked at
            if process.name().startswith("ray::Part"):
                found.append(process)
    return found


def test_a_run_on_ray_gives_what_a_run_in_one_process_gives(tmp_path, postgres_url, ray):
    network, transcript = layer(12), Transcript()
    expected, kept, log = asyncio.run(alone(tmp_path / "journal.sqlite", network))
    opening = Opening(model="rehearsal:solver", journal=postgres_url, run="run")
    result = asyncio.run(traverse_on_ray(network, TASK, opening, kind=Text(), transcript=transcript))
    assert result.artifact == expected.artifact
    assert (result.ancestry, result.spent) == (expected.ancestry, expected.spent)
    assert canonical_digest(transcript.events()) == log
    with Journal.open(postgres_url, "run") as journal:
        assert journal.fingerprint() == kept
    again = asyncio.run(traverse_on_ray(network, TASK, opening, kind=Text(), parts=1))
    assert (again.artifact, again.spent.replayed) == (result.artifact, result.spent.calls)


def test_workers_that_are_killed_lose_nothing_and_only_calls_under_way_are_repeated(tmp_path, postgres_url, ray):
    async def killed():
        model = Rehearsal(PLAYERS["solver"], name="solver", latency=Latency.const(0.03))
        async with RehearsalServer(model) as server:
            opening = Opening(model="solver", base_url=server.base_url, journal=postgres_url, run="run")
            running = asyncio.create_task(traverse_on_ray(mesh(9), TASK, opening, kind=Text(), parts=2))
            while len(model.attendance.visits) < 60:
                assert not running.done(), await running
                await asyncio.sleep(0.005)
            victims = workers()
            for victim in victims:
                victim.kill()
            arrived = len(model.attendance.visits) + model.attendance.present
            with Journal.open(postgres_url, "run") as journal:
                kept = sum(1 for _ in journal.calls())
            result = await running
            sent, peak = len(model.attendance.visits) + model.attendance.present, model.attendance.peak
            return (
                result,
                len(victims),
                arrived - kept,
                sent,
                peak,
                await alone(tmp_path / "journal.sqlite", mesh(9), base_url=server.base_url),
            )

    result, victims, under_way, sent, peak, (expected, kept, _) = asyncio.run(killed())
    assert victims == 2
    assert result.artifact == expected.artifact
    assert result.ancestry == expected.ancestry
    assert 0 < sent - result.spent.calls <= max(under_way, peak)
    with Journal.open(postgres_url, "run") as journal:
        assert journal.fingerprint() == kept
    assert psutil.wait_procs(workers(), timeout=20)[1] == []


def test_several_tasks_share_a_cluster_and_a_journal(postgres_url, ray):
    async def both():
        runs = [
            traverse_on_ray(
                mesh(4),
                f"Say {what}.",
                Opening(model="rehearsal:solver", journal=postgres_url, run=what),
                kind=Text(),
                parts=1,
            )
            for what in ("this", "that")
        ]
        return await asyncio.gather(*runs)

    first, second = asyncio.run(both())
    assert first.artifact != second.artifact
    with Journal.open(postgres_url, "this") as journal:
        kept = {facts.name: facts.calls for facts in journal.runs()}
    assert kept == {"this": first.spent.calls, "that": second.spent.calls}


def test_a_cluster_that_runs_is_joined_and_goes_on_afterwards(postgres_url, ray):
    program = """
import asyncio, sys
from consilience.dialogue.opening import Opening
from consilience.methods.agent_networks.engine_ray import traverse_on_ray
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.topology import mesh
opening = Opening(model="rehearsal:solver", journal=sys.argv[1], run="run")
print(asyncio.run(traverse_on_ray(mesh(4), "Say it.", opening, kind=Text(), address=sys.argv[2])).artifact.digest)
"""
    # The token of the cluster is in the environment for as long as it runs.
    joined = subprocess.run(
        [sys.executable, "-c", program, postgres_url, ray.get_runtime_context().gcs_address],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (joined.returncode, joined.stderr) == (0, "")
    opening = Opening(model="rehearsal:solver", journal=postgres_url, run="run")
    result = asyncio.run(traverse_on_ray(mesh(4), TASK, opening, kind=Text()))
    assert result.artifact.digest == joined.stdout.strip()
    assert result.spent.replayed == result.spent.calls


def test_what_a_worker_cannot_do_is_said_in_one_line(postgres_url, ray):
    misspelt = Opening(model="rehearsal:solvr", journal=postgres_url, run="run")
    with pytest.raises(UnknownName, match="solver"):
        asyncio.run(traverse_on_ray(mesh(3), TASK, misspelt, kind=Text()))
    with pytest.raises(JournalUnavailable, match="cannot be reached"):
        asyncio.run(traverse_on_ray(mesh(3), TASK, NOWHERE, kind=Text()))
    assert psutil.wait_procs(workers(), timeout=20)[1] == []


def test_no_more_parts_begin_than_calls_may_be_under_way(postgres_url, ray, monkeypatch):
    begun, one = [], engine_ray._Actor
    monkeypatch.setattr(engine_ray, "_Actor", lambda ray, job, number: begun.append(number) or one(ray, job, number))
    opening = Opening(model="rehearsal:solver", journal=postgres_url, run="run", limits=Limits(concurrency=1))
    asyncio.run(traverse_on_ray(mesh(4), TASK, opening, kind=Text(), parts=4))
    assert begun == [0]


def test_an_interrupted_run_shuts_down_what_it_started(tmp_path, postgres_url):
    require_ray()
    with socket.socket() as deaf:  # it takes calls and answers none
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        program = f"""
import asyncio, sys
from consilience.dialogue.opening import Opening
from consilience.methods.agent_networks.engine_ray import traverse_on_ray
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.topology import mesh
opening = Opening(model="m", base_url="http://127.0.0.1:{deaf.getsockname()[1]}/v1", journal=sys.argv[1], run="run")
asyncio.run(traverse_on_ray(mesh(3), "Say it.", opening, kind=Text(), parts=2))
"""
        running = subprocess.Popen(
            [sys.executable, "-c", program, postgres_url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        deaf.settimeout(100)
        deaf.accept()[0].close()
        started = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[1]
        assert said.rstrip().endswith("KeyboardInterrupt")
        assert started
        assert psutil.wait_procs(started, timeout=20)[1] == []


def test_settings_are_looked_at_before_anything_is_started(monkeypatch, postgres_url):
    def refuse(*_, **__):
        raise AssertionError("started")

    monkeypatch.setattr(engine_ray, "cluster", refuse)
    good = Opening(model="rehearsal:solver", journal=postgres_url, run="run")
    file = Opening(model="rehearsal:solver", journal="runs/journal.sqlite", run="run")
    for opening, task, settings, told in (
        (file, TASK, {}, "--journal postgresql"),
        (good, " ", {}, "the task must say"),
        (good, TASK, {"parts": 0}, "`parts` must be at least 1; got 0"),
        (good, TASK, {"rounds": 0}, "`rounds` must be at least 1"),
        (good, TASK, {"failure": Failure(each={"77": "skip"})}, "77"),
    ):
        with pytest.raises((InvalidInput, UnknownName), match=told):
            asyncio.run(traverse_on_ray(mesh(3), task, opening, kind=Text(), **settings))


def test_without_ray_the_extra_is_named(monkeypatch, postgres_url):
    def absent(path):
        raise ModuleNotFoundError("No module named 'ray'", name="ray")

    monkeypatch.setattr(late, "import_module", absent)
    before = dict(os.environ)
    with pytest.raises(MissingDependency, match=r"install consilience\[ray\]"):
        asyncio.run(traverse_on_ray(mesh(3), TASK, NOWHERE, kind=Text()))
    assert dict(os.environ) == before

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from consilience.dialogue.ray_cluster import WorkerLost, require_shareable, streamed
from consilience.ground.errors import InvalidInput


@pytest.fixture(autouse=True)
def with_ray():
    if find_spec("ray") is None:
        pytest.skip("needs Ray, which consilience[ray] brings")


ALONE = """
import asyncio, json, os, signal, sys

from consilience.methods.agent_networks.engine_ray import Opening, traverse_on_ray
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.topology import mesh
import psutil

async def main():
    opening = Opening(model="rehearsal:solver", journal=sys.argv[1], run="run")
    before = dict(os.environ), signal.getsignal(signal.SIGTERM)
    running = asyncio.create_task(traverse_on_ray(mesh(4), "Say it.", opening, kind=Text(), parts=2))
    facts = {"open": [], "environment": {}}
    while not running.done():
        await asyncio.sleep(0.01)
        for process in psutil.Process().children(recursive=True):
            try:
                if process.name().startswith("ray::Part"):
                    facts["environment"] = process.environ()
                facts["open"] += [c.laddr.ip for c in process.net_connections("inet") if c.status == "LISTEN"]
                facts.setdefault("names", []).append(" ".join(process.cmdline()))
            except psutil.Error:
                pass
    result = await running
    facts |= {"left": [p.name() for p in psutil.Process().children(recursive=True)], "digest": result.artifact.digest}
    facts["restored"] = before == (dict(os.environ), signal.getsignal(signal.SIGTERM))
    print(json.dumps(facts))

asyncio.run(main())
"""


def test_a_cluster_of_ones_own_listens_to_nobody_else_reports_to_nobody_and_leaves_nothing(tmp_path, postgres_url):
    home = tmp_path / "home"
    home.mkdir()
    place = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ALONE, postgres_url],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        facts = json.loads(done.stdout)
        assert facts["open"]
        assert {ip.removeprefix("::ffff:") for ip in facts["open"]} == {"127.0.0.1"}
        assert facts["environment"]["RAY_USAGE_STATS_ENABLED"] == "0"
        # What Ray calls its dashboard keeps an eye on the cluster, and shows nothing.
        assert all("--disable-frontend" in name for name in facts["names"] if "dashboard.py" in name)
        assert facts["left"] == []
        assert facts["restored"]
        assert list(home.iterdir()) == []
        assert [path.name for path in place.iterdir()] == []
    finally:
        place.rmdir()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "ray://127.0.0.1:1", "127.0.0.1:999999"])
def test_a_cluster_that_does_not_run_is_told(address):
    program = """
import sys
from consilience.ground.errors import InvalidInput
from consilience.dialogue.ray_cluster import cluster
try:
    with cluster(sys.argv[1]):
        pass
except InvalidInput as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", program, address],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
    ).stdout
    assert said.startswith(f"a Ray cluster must run at {address}, as 'auto' or HOST:PORT;")


def test_a_run_is_shared_over_a_database_and_among_one_at_least():
    require_shareable("postgresql+psycopg://user@host/database", None)
    with pytest.raises(InvalidInput, match="a journal that several processes can write"):
        require_shareable("journal.sqlite", None)
    with pytest.raises(InvalidInput, match="`parts` must be at least 1; got 0"):
        require_shareable("postgresql://host/database", 0)


class Lost(Exception):
    pass


class Actor:
    """Gives two replies, as an actor of Ray does, and is lost if it is told so."""

    def __init__(self, is_lost: bool) -> None:
        self.is_lost = is_lost

    def options(self, *, num_returns: str):
        assert num_returns == "streaming"
        return self

    async def remote(self, *numbers: int):
        for number in numbers:
            yield asyncio.sleep(0, number)
        if self.is_lost:
            raise Lost


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_an_actor_gives_comes_one_after_the_other_until_it_is_lost(is_lost):
    ray = SimpleNamespace(exceptions=SimpleNamespace(RayActorError=Lost, ObjectLostError=Lost))
    got = []

    async def read():
        given = streamed(ray, Actor(is_lost), 1, 2, lost="part 7 was lost")
        got.append(await anext(given))
        got.append(await anext(given))
        await anext(given, None)

    with pytest.raises(WorkerLost, match="part 7 was lost") if is_lost else nullcontext():
        asyncio.run(read())
    assert got == [1, 2]

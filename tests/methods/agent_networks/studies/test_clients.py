"""Clients behind HTTP: each asks what it is to ask, and says what that cost."""

import asyncio
import json

import pytest

from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer, ServerProcess
from consilience.ground.errors import ConsilienceError
from consilience.methods.agent_networks.studies.clients import CLIENTS, _measured, cost, main


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_asks_everything_once(name):
    with ServerProcess("--player", "echo", "--mean-s", "0.01") as server:
        found = cost(name, server.base_url, 3, 12)
        seen = server.attendance()
    assert 0 < found.cpu_ms < 1000
    assert found.wall_s > 0.04
    assert seen["peak"] == 3
    assert [visit[3] for visit in seen["visits"]] == ["replied"] * 15


def test_what_a_process_says_on_its_last_line(capsys):
    with ServerProcess("--player", "echo") as server:
        assert main(["endpoint", server.base_url, "1", "2"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]).keys() == {"cpu_ms", "wall_s"}


def test_a_server_that_says_something_else_is_not_measured():
    async def measured():
        async with RehearsalServer(Rehearsal(talker, name="echo")) as server:
            await _measured(CLIENTS["endpoint"], server.base_url, 1, 1)

    with pytest.raises(ConsilienceError, match="warm 0 is not what was said"):
        asyncio.run(measured())


def test_a_client_that_fails_says_why():
    with pytest.raises(RuntimeError, match="endpoint ended with status 1"):
        cost("endpoint", "http://127.0.0.1:1/v1", 1, 1)

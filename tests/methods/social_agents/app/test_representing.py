"""The agent of one person by itself: the card is read, a contact's agent asks with a key, and others are refused."""

import json
import threading
import urllib.error
import urllib.request
from time import monotonic, sleep

import pytest

pytest.importorskip("a2a", reason="needs consilience[interop]")

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.accounts import Accounts, Strength
from consilience.methods.social_agents.app.agent_keys import AgentKeys
from consilience.methods.social_agents.app.chats import Chats
from consilience.methods.social_agents.app.policies import Policies
from consilience.methods.social_agents.app.representing import represent, represented
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.demo import FIRST_QUESTION, furnish_demo
from consilience.methods.social_agents.flags import Representing
from consilience.methods.social_agents.store import Store


@pytest.fixture
def world(tmp_path):
    """Return a database in which Ann's tasks ask Ben's agent unasked, and a key of hers."""
    path = str(tmp_path / "x.sqlite")
    with Store.open(path) as store:
        furnish_demo(store)
        accounts, policies = Accounts(store, strength=Strength(1, 8, 1)), Policies(store)
        ann, ben = store.person("ann"), store.person("ben")
        for one, other in ((ann, ben), (ben, ann)):
            accounts.join(accounts.invite(handle=one.handle), handle="", name="", password="one long password")
            policies.put_in_group(one.handle, other.handle, "friends")
            Chats(store).trust(one, other, yes=True)
        Tasks(store).add(ann, ben, "Under way in the application", standing="running")
        return path, AgentKeys(store).make(ann, "x")


def ask(address, path, token="", sent=None):
    request = urllib.request.Request(
        address + path,
        None if sent is None else json.dumps(sent).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {token}", "a2a-version": "1.0"},
    )
    deadline = monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}
        except (urllib.error.URLError, ConnectionError):
            assert monotonic() < deadline
            sleep(0.05)


@pytest.mark.timeout(60)
def test_a_contact_s_agent_asks_it_and_what_is_under_way_elsewhere_is_left_alone(world) -> None:
    path, token = world
    said = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": FIRST_QUESTION}]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": said}}
    with represented(Representing(as_="ben", database=path, port=0)) as agent:
        thread = threading.Thread(target=agent.runs)
        thread.start()
        try:
            assert ask(agent.address, "/.well-known/agent-card.json")[1]["name"] == "Agent of Ben Okafor"
            with Store.open(path) as store:  # in the application
                store.set_card("ben", "I keep bees.")
            assert ask(agent.address, "/.well-known/agent-card.json")[1]["description"] == "I keep bees."
            assert ask(agent.address, "/a2a", "agent_none", call)[0] == 401
            task = ask(agent.address, "/a2a", token, call)[1]["result"]["task"]
            assert task["status"]["state"] == "TASK_STATE_COMPLETED"
            assert task["artifacts"][0]["parts"][0]["text"] == "different"
            tasks = agent.office.tasks.of(agent.office.store.person("ann"))
            assert [one.standing for one in tasks] == ["ended", "running"]
            assert not agent.office.desk.under_way(tasks[1])
        finally:
            agent.stops()
            thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"as_": "zoe"}, "--as"),
        ({"as_": "cyd"}, "has no account"),
        ({"address": "http://agents.example"}, "https"),
        ({"database": "none.sqlite"}, "--database"),
    ],
)
def test_what_cannot_be_served_is_said(world, given, told) -> None:
    settings = {"as_": "ben", "database": world[0], "port": 0} | given
    with pytest.raises(InvalidInput, match=told), represented(Representing(**settings)):
        pass


def test_it_says_where_and_ends_by_ctrl_c(world, monkeypatch) -> None:
    def interrupted(work):
        work.close()
        raise KeyboardInterrupt

    monkeypatch.setattr("consilience.methods.social_agents.app.representing.asyncio.run", interrupted)
    told: list[str] = []
    represent(Representing(as_="ben", database=world[0], port=0), told.append)
    assert told[0].startswith("the agent of ben answers at http://127.0.0.1:")

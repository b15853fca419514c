"""An assistant reads its own person's memory, and whatever it asks, nobody else's."""

import asyncio
import importlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("mcp", reason="needs consilience[interop]")

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from consilience.ground.errors import MissingDependency
from consilience.methods.social_agents.mcp_server import LONGEST_SHOWN, memory_server, memory_tools
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store

WHEN = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
SECRET = "xylophone4711"


@pytest.fixture
def memory():
    with Store.open(":memory:") as store:
        ann, bea, cyd = (store.add_person(name.lower(), name) for name in ("Ann", "Bea", "Cyd"))
        ours, theirs = store.conversation([ann, bea]), store.conversation([bea, cyd])
        store.add_messages(
            [
                NewMessage(ours, bea.id, WHEN, "The mill opens on Monday"),
                NewMessage(ours, ann.id, WHEN + timedelta(minutes=1), "I bring the lantern " + "x" * 2 * LONGEST_SHOWN),
                NewMessage(theirs, cyd.id, WHEN, f"The secret of the mill is {SECRET}"),
            ]
        )
        yield store.memory(ann)


def called(memory, *calls):
    async def run():
        async with Client(memory_server(memory)) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(run())


def result(memory, name, **arguments):
    (got,) = called(memory, (name, arguments))
    assert not got.is_error, got.content
    return got.structured_content["result"]


def test_the_tools_only_read_and_name_no_owner(memory):
    async def run():
        async with Client(memory_server(memory)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(run())}
    assert set(tools) == {"search", "recall", "recent", "around"}
    assert all(tool.annotations.read_only_hint and tool.description for tool in tools.values())
    arguments = {name for tool in tools.values() for name in tool.input_schema["properties"]}
    assert not {name for name in arguments if "owner" in name or "person" in name or "user" in name}


def test_the_tools_are_functions_for_a_toolset_of_ones_own(memory):
    tools = {tool.__name__: tool for tool in memory_tools(memory)}
    assert list(tools) == ["search", "recall", "recent", "around"]
    assert all(tool.__doc__ for tool in tools.values())
    assert tools["search"](words=["mill"])[0].message.text == "The mill opens on Monday"


def test_what_one_knows_is_found(memory):
    found = result(memory, "search", words=["mill"])
    assert found[0]["message"]["text"] == "The mill opens on Monday"
    assert found[1]["message"]["text"].startswith("I bring the lantern")  # it stands beside
    assert found[0]["message"]["sender"] == "Bea"
    assert found[0]["message"]["sent_at"].startswith("2024-05-02T10:15:00")
    assert found[0]["after"][0]["text"].startswith("I bring the lantern")
    episode = result(memory, "recall", text="When does the mill open?")[0]
    assert len(episode["messages"]) == 2
    assert [each["sender"] for each in result(memory, "recent")] == ["Bea", "Ann"]
    assert len(result(memory, "around", message=found[0]["message"]["id"])) == 2


def test_a_long_message_is_shown_in_part(memory):
    shown = result(memory, "recent", limit=1)[0]
    assert len(shown["text"]) == LONGEST_SHOWN
    assert shown["left_out"] == LONGEST_SHOWN + len("I bring the lantern ")


def test_nobody_else_is_read_whatever_is_asked(memory):
    calls = [
        ("search", {"words": [word]}) for word in (SECRET, "secret", "text:secret", "owners:@2", "* OR secret", '"')
    ]
    calls += [("search", {"sender": who}) for who in ("cyd", "bea", "%", "' OR 1=1 --")]
    calls += [("search", {"phrases": ["secret of the mill"]}), ("search", {"prefixes": ["xylo", ""]})]
    calls += [
        ("recall", {"text": f"the secret {SECRET}"}),
        ("recent", {"limit": 1000}),
        ("recent", {"conversation": 2}),
    ]
    calls += [("around", {"message": number, "k": 50}) for number in range(6)]
    calls += [("search", {"words": [SECRET], "owner": 3}), ("recent", {"owner": "cyd"})]
    for (name, arguments), got in zip(calls, called(memory, *calls), strict=True):
        told = json.dumps([part.model_dump(mode="json") for part in got.content]) + json.dumps(got.structured_content)
        asked = json.dumps(arguments)
        assert SECRET not in told or SECRET in asked, (name, arguments)
        assert "The secret of" not in told, (name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("search", {"limit": 0}, "`limit` must be"),
        ("search", {"since": "2024-05-02T10:00:00"}, "must have a zone"),
        ("recent", {"limit": 10**9}, "`limit` must be"),
        ("recall", {"text": "x", "top": 0}, "`top` must be"),
        ("recall", {}, "text"),
        ("forget", {}, "forget"),
    ],
)
def test_what_is_asked_wrongly_is_said(memory, name, arguments, told):
    (got,) = called(memory, (name, arguments))
    assert got.is_error
    assert told in got.content[0].text


def test_what_fails_within_tells_nothing(memory, monkeypatch):
    def broken(self, *arguments):
        raise RuntimeError(SECRET)

    monkeypatch.setattr(type(memory), "recent", broken)
    (got,) = called(memory, ("recent", {}))
    assert got.is_error
    assert SECRET not in got.content[0].text


def test_over_standard_input_and_output(tmp_path):
    place = tmp_path / "memory.db"
    with Store.open(place) as store:
        ann = store.add_person("ann", "Ann")
        store.add_messages([NewMessage(store.conversation([ann]), ann.id, WHEN, "The mill opens on Monday")])
    program = (
        "import sys\nfrom consilience.methods.social_agents.mcp_server import serve\n"
        "from consilience.methods.social_agents.store import Store\n"
        "with Store.open(sys.argv[1]) as store:\n    serve(store.memory('ann'))\n"
    )
    command = StdioServerParameters(
        command=sys.executable, args=["-c", program, str(place)], env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )

    async def run():
        async with Client(stdio_client(command)) as client:
            return await client.call_tool("search", {"words": ["mill"]})

    found = asyncio.run(run()).structured_content["result"]
    assert [hit["message"]["text"] for hit in found] == ["The mill opens on Monday"]


@pytest.mark.parametrize(("name", "library"), [("mcp_server", "mcp"), ("a2a_server", "a2a")])
def test_without_the_library_one_is_told_what_to_install(name, library, monkeypatch):
    module = f"consilience.methods.social_agents.{name}"
    for known in [each for each in sys.modules if each == library or each.startswith(f"{library}.")]:
        monkeypatch.setitem(sys.modules, known, None)
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(MissingDependency, match=r"install consilience\[interop\]"):
        importlib.import_module(module)

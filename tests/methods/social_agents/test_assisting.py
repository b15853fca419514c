"""An assistant talks over standard input and output with one person's memory, and with nothing else."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import pytest

pytest.importorskip("mcp", reason="needs consilience[interop]")

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.assisting import assist
from consilience.methods.social_agents.flags import Assisting
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store

START = "import sys; from consilience.cli import main; sys.exit(main())"


@pytest.fixture
def database(tmp_path) -> str:
    path = tmp_path / "x.sqlite"
    with Store.open(path) as store:
        ann, ben = store.add_person("ann", "Ann"), store.add_person("ben", "Ben")
        noon = datetime(2024, 5, 2, 12, tzinfo=UTC)
        for who, text in ((ann, "Ann keeps a zebra"), (ben, "Ben keeps a zebra too")):
            store.add_messages([NewMessage(store.conversation([who]), who.id, noon, text)])
    return str(path)


@pytest.mark.timeout(60)
def test_the_verb_serves_one_memory_over_standard_input_and_output(database) -> None:
    words = ["-c", START, "social-agents", "mcp", "--as", "ann", "--database", database]

    async def asked() -> tuple[set[str], str]:
        server = StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))
        async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
            await session.initialize()
            names = {one.name for one in (await session.list_tools()).tools}
            found = await session.call_tool("search", {"words": ["zebra"]})
            return names, str(found)

    names, found = asyncio.run(asked())
    assert names == {"search", "recall", "recent", "around"}
    assert "Ann keeps a zebra" in found
    assert "Ben keeps" not in found


def test_who_is_not_there_is_said(database, tmp_path) -> None:
    with pytest.raises(InvalidInput, match="--as"):
        assist(Assisting(as_="zoe", database=database))
    with pytest.raises(InvalidInput, match="--database"):
        assist(Assisting(as_="ann", database=str(tmp_path / "none.sqlite")))

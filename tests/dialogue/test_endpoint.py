"""A client that says what went wrong with whom, and never the key."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from consilience.dialogue.endpoint import MOST_BYTES, Endpoint
from consilience.dialogue.faults import Faults, Latency, RateLimit
from consilience.dialogue.messages import Message, Question, Settings, Usage
from consilience.dialogue.models import BadReply, Denied, Refused, TimedOut, Unreachable
from consilience.dialogue.players import echo, talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput

KEY = "sk-very-secret-1234"


def question(element: str = "3->7", text: str = "Hello") -> Question:
    return Question(element, (Message("user", (text,)),), Settings(temperature=0.5))


async def at(answer: bytes, ask: Callable[[Endpoint], Awaitable[object]], *, stall: bool = False, **options: object):
    """Ask a server that always writes the same bytes."""

    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            if stall:
                await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        model = Endpoint(f"http://127.0.0.1:{port}/v1", "m", key=KEY, **options)
        try:
            return await ask(model)
        finally:
            await model.close()
            for writer in connections:
                with suppress(AttributeError):  # of a transport that is closed already
                    writer.transport.abort()
            await asyncio.sleep(0.01)


def test_a_served_reply_is_the_one_in_process_and_its_cost_is_known():
    async def play() -> None:
        async with RehearsalServer(Rehearsal(talker, name="talker")) as server:
            model = Endpoint(server.base_url, "rehearsal:talker")
            replies = await asyncio.gather(*(model.reply(question(str(number))) for number in range(20)))
            await model.close()
        for number, reply in enumerate(replies):
            assert reply.text == Rehearsal(talker, name="talker").says(question(str(number)))
            assert reply.usage.output_tokens > 0
            assert reply.latency_s > 0
            assert not reply.priced

    asyncio.run(play())


def test_another_event_loop_gets_its_own_connections():
    model = Endpoint("http://127.0.0.1:1/v1", "rehearsal:echo")

    async def play(port: int) -> tuple[str, int]:
        async with RehearsalServer(Rehearsal(echo, name="echo"), port=port) as server:
            model._url = f"{server.base_url}/chat/completions"
            text = (await model.reply(question())).text
            await model.close()
        return text, int(server.base_url.split(":")[2].split("/")[0])

    first, port = asyncio.run(play(0))
    assert (first, asyncio.run(play(port))[0]) == ("Hello", "Hello")


def test_no_more_connections_than_allowed():
    async def play() -> int:
        async with RehearsalServer(Rehearsal(echo, name="echo", latency=Latency.const(0.01))) as server:
            model = Endpoint(server.base_url, "rehearsal:echo", connections=3)
            await asyncio.gather(*(model.reply(question(str(number))) for number in range(12)))
            await model.close()
            return server.model.attendance.peak

    assert asyncio.run(play()) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", Refused),
        ("server_error", BadReply),
        ("half_json", BadReply),
        ("empty", BadReply),
        ("disconnect", Unreachable),
        ("stall", TimedOut),
    ],
)
def test_every_fault_is_an_error_of_its_kind_that_names_the_endpoint(fault, kind):
    async def play() -> None:
        rehearsal = Rehearsal(echo, name="echo", faults=Faults(**{fault: 1.0}, stall_s=5.0))
        async with RehearsalServer(rehearsal) as server:
            model = Endpoint(server.base_url, "rehearsal:echo", timeout_s=0.3)
            with pytest.raises(kind, match=r"127\.0\.0\.1"):
                await model.reply(question())
            await model.close()

    asyncio.run(play())


def test_a_name_that_is_looked_up_for_too_long_is_not_charged(monkeypatch):
    async def slowly(*_: object, **__: object) -> None:
        await asyncio.sleep(30)

    async def play() -> bool:
        model = Endpoint("http://localhost:1/v1", "m", timeout_s=5.0)
        with pytest.raises(Unreachable, match="no connection in time") as caught:
            await model.reply(question())
        await model.close()
        return caught.value.charged

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", slowly)
    monkeypatch.setattr("consilience.dialogue.endpoint._CONNECT_S", 0.2)
    assert not asyncio.run(play())


def test_a_session_gets_all_replies_through_faults_and_limits():
    async def play() -> Session:
        faults = Faults(server_error=0.1, half_json=0.1, empty=0.1, disconnect=0.1)
        limit = RateLimit(requests_per_minute=6000, window_s=0.5)
        retry = Retry(attempts=10, first_s=0.01, most_s=0.05)
        async with (
            RehearsalServer(Rehearsal(talker, name="talker", faults=faults, limit=limit)) as server,
            Session(Endpoint(server.base_url, "rehearsal:talker"), retry=retry) as session,
        ):
            replies = await asyncio.gather(*(session.ask(question(str(number))) for number in range(60)))
        assert [reply.text for reply in replies] == [
            Rehearsal(talker, name="talker").says(question(str(number))) for number in range(60)
        ]
        return session

    session = asyncio.run(play())
    assert session.tally.answered == 60
    assert session.tally.sent > 60


def test_nobody_there_is_said_in_one_line():
    async def play() -> None:
        model = Endpoint("http://127.0.0.1:1/v1", "m", key=KEY)
        with pytest.raises(Unreachable, match=r"nothing answers at http://127.0.0.1:1/v1 .*start the server") as caught:
            await model.reply(question())
        await model.close()
        assert not caught.value.charged
        assert KEY not in str(caught.value) + repr(model)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 401 no\r\nContent-Length: 30\r\n\r\nno such key: " + KEY.encode()[:17], Denied),
        (b"HTTP/1.1 307 there\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n", Denied),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", Unreachable),
        (b"", Unreachable),
        (b"SSH-2.0-OpenSSH\r\n", BadReply),
    ],
)
def test_what_other_servers_do(answer, kind):
    async def ask(model: Endpoint) -> None:
        with pytest.raises(kind, match=r"127\.0\.0\.1"):
            await model.reply(question())

    asyncio.run(at(answer, ask))


def test_the_key_is_not_told_where_a_server_answers_with_what_it_was_sent():
    body = b'{"headers": {"Authorization": "Bearer %s"}}' % KEY.encode()

    async def ask(model: Endpoint) -> None:
        with pytest.raises(BadReply, match="no chat completion") as caught:
            await model.reply(question())
        assert KEY not in str(caught.value)

    asyncio.run(at(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), ask))


def test_a_reply_without_end_is_cut_off():
    async def ask(model: Endpoint) -> None:
        with pytest.raises(BadReply, match="more than 10,000,000 bytes"):
            await model.reply(question())

    asyncio.run(at(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MOST_BYTES + 1), ask))


def test_the_time_ends_whatever_the_server_sends():
    async def ask(model: Endpoint) -> None:
        with pytest.raises(TimedOut, match=r"within 0.2 s"):
            await model.reply(question())

    asyncio.run(at(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", ask, stall=True, timeout_s=0.2))


def test_only_a_rehearsal_is_told_who_asks():
    seen: list[bytes] = []

    async def play(name: str) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            body = (
                b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}'
            )
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            model = Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/", name, key=KEY)
            assert (await model.reply(question())).usage == Usage(1, 2)
            await model.close()

    asyncio.run(play("rehearsal:echo"))
    asyncio.run(play("gpt-4o"))
    assert b"X-Rehearsal-Element: 3->7" in seen[0]
    assert b"X-Rehearsal" not in seen[1]
    assert all(b"POST /v1/chat/completions" in head for head in seen)
    assert all(f"Bearer {KEY}".encode() in head for head in seen)


@pytest.mark.parametrize(
    "address", ["", "localhost:8000", "ftp://localhost/v1", "http://", "http://[", "http://a:99999/", "http://a/#x"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(InvalidInput, match="base_url"):
        Endpoint(address, "m")


@pytest.mark.parametrize("address", ["http://me:hunter2@localhost/v1", "http://localhost/v1?key=hunter2"])
def test_a_secret_in_an_address_is_refused_and_not_quoted(address):
    with pytest.raises(InvalidInput) as caught:
        Endpoint(address, "m")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [{"model": ""}, {"model": "m", "timeout_s": 0.0}, {"model": "m", "connections": 0}, {"model": "m", "key": "a\nb"}],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidInput):
        Endpoint("http://localhost/v1", **wrong)

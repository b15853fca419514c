"""Every reply carries the headers; foreign names and bodies that are too large get no further."""

import asyncio

import pytest

from consilience.methods.social_agents.app.shield import HEADERS, MOST_BYTES, Shield
from consilience.methods.social_agents.app.trial import call


async def app(scope, receive, send) -> None:
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def ask(*, secure: bool = False, **more):
    return asyncio.run(call(Shield(app, hosts=["testserver", "[::1]"], secure=secure), "POST", "/", **more))


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_made_from_text() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("secure", [True, False])
def test_every_reply_has_the_headers_refusals_too(secure: bool) -> None:
    for reply in (ask(secure=secure), ask(secure=secure, headers={"host": "evil.example"})):
        assert {name: reply.headers[name.lower()] for name in HEADERS} == HEADERS
        assert ("strict-transport-security" in reply.headers) == secure


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("testserver", 200),
        ("TESTSERVER:8765", 200),
        ("[::1]:8765", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("testserver.evil.example", 421),
        ("", 421),
        ("testserver@evil", 421),
    ],
)
def test_a_name_that_is_not_its_own_leads_nowhere(host: str, status: int) -> None:
    assert ask(headers={"host": host}).status == status


@pytest.mark.parametrize(
    ("length", "status"), [(str(MOST_BYTES), 200), (str(MOST_BYTES + 1), 413), ("x", 413), ("9" * 30, 413), ("-1", 413)]
)
def test_a_body_that_says_it_is_too_large_is_refused(length: str, status: int) -> None:
    assert ask(headers={"content-length": length}).status == status


def test_a_body_that_does_not_say_so_is_broken_off() -> None:
    pieces = [{"type": "http.request", "body": b"x" * 100_000, "more_body": True}] * 5
    seen = []

    async def run() -> None:
        async def receive():
            return pieces.pop() if pieces else {"type": "http.request", "body": b"", "more_body": False}

        async def send(message) -> None:
            seen.append(message)

        scope = {"type": "http", "headers": [(b"host", b"testserver")]}
        await Shield(app, hosts=["testserver"], secure=False)(scope, receive, send)

    asyncio.run(run())
    assert not seen
    assert pieces


def test_what_is_no_request_goes_through() -> None:
    seen = []

    async def other(scope, _receive, _send) -> None:
        seen.append(scope["type"])

    asyncio.run(Shield(other, hosts=[], secure=False)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]

"""HTTP as the server reads it: however the bytes are cut, answers keep their order, and garbage ends alone."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.rehearsal_http import Connection, Exchange, Request, answer

POST = b"POST /path?query HTTP/1.1\r\nHost: here\r\nX-Number: %d\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /other HTTP/1.1\r\nHost: here\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False
        self.paused = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False


def connected(handle: Callable[[Request, Exchange], None]) -> tuple[Connection, Wire]:
    connection, wire = Connection(handle, set()), Wire()
    connection.connection_made(wire)
    return connection, wire


def number_of(request: Request, exchange: Exchange) -> None:
    exchange.respond(request.headers["x-number"].encode() + b";")


@given(st.lists(st.integers(0, 600), max_size=20))
def test_however_the_bytes_are_cut_the_requests_are_the_same(cuts: list[int]) -> None:
    seen: list[Request] = []
    connection, wire = connected(lambda request, exchange: (seen.append(request), exchange.respond(b"."))[1])
    data = b"\r\n".join([POST % 1, POST % 2, GET, POST % 3])
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in pairwise(places):
        connection.data_received(data[begin:end])
    assert [(request.method, request.path, request.body) for request in seen] == [
        ("POST", "/path", b"hello"),
        ("POST", "/path", b"hello"),
        ("GET", "/other", b""),
        ("POST", "/path", b"hello"),
    ]
    assert [request.headers.get("x-number") for request in seen] == ["1", "2", None, "3"]
    assert (wire.sent, wire.closed) == (b"....", False)


@given(st.permutations(range(6)))
def test_answers_leave_in_the_order_of_the_requests(order: list[int]) -> None:
    waiting: list[Exchange] = []
    connection, wire = connected(lambda request, exchange: waiting.append(exchange))
    connection.data_received(b"".join(POST % number for number in range(6)))
    for number in order:
        waiting[number].respond(b"%d;" % number)
    assert wire.sent == b"0;1;2;3;4;5;"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET path HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n: nameless\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000, 431),
    ],
)
def test_what_is_no_http_gets_its_status_and_the_end(data: bytes, status: int) -> None:
    connection, wire = connected(number_of)
    connection.data_received(POST % 1 + data + POST % 2)
    assert wire.sent.startswith(b"1;HTTP/1.1 %d " % status)
    assert wire.sent.count(b"HTTP/1.1") == 1
    assert wire.closed


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    connection, wire = connected(lambda request, exchange: exchange.respond(answer(200, b"")))
    connection.data_received(data)
    assert wire.sent == b"" or wire.sent.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
def test_a_connection_ends_where_the_client_says(head: bytes) -> None:
    connection, wire = connected(lambda request, exchange: exchange.respond(b"."))
    connection.data_received(head + GET)
    assert (wire.sent, wire.closed) == (b".", True)


def test_a_client_that_waits_for_leave_to_send_gets_it() -> None:
    connection, wire = connected(lambda request, exchange: exchange.respond(b"done"))
    connection.data_received(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.data_received(b"ok")
    assert wire.sent.endswith(b"done")


def test_who_is_gone_is_told_to_nobody_but_its_calls() -> None:
    gone: list[int] = []
    exchanges: list[Exchange] = []

    def wait(request: Request, exchange: Exchange) -> None:
        number = len(exchanges)
        exchange.on_gone = lambda: gone.append(number)
        exchanges.append(exchange)

    connection, wire = connected(wait)
    connection.data_received(GET * 3)
    exchanges[0].respond(b"0")
    connection.connection_lost(None)
    wire.close()
    exchanges[2].respond(b"2")
    connection.data_received(GET)
    assert (gone, wire.sent, len(exchanges)) == ([1, 2], b"0", 3)


def test_too_many_pipelined_requests_wait_unread() -> None:
    exchanges: list[Exchange] = []
    connection, wire = connected(lambda request, exchange: exchanges.append(exchange))
    connection.data_received(GET * 1000)
    assert (len(exchanges), wire.paused) == (256, True)
    for answered in range(1000):
        exchanges[answered].respond(b".")
    assert (len(exchanges), wire.sent, wire.paused) == (1000, b"." * 1000, False)


def test_who_does_not_read_is_not_read() -> None:
    exchanges: list[Exchange] = []
    connection, wire = connected(lambda request, exchange: exchanges.append(exchange))
    connection.pause_writing()
    connection.data_received(GET)
    assert (wire.paused, exchanges) == (True, [])
    connection.resume_writing()
    assert (wire.paused, len(exchanges)) == (False, 1)


def test_a_cut_ends_the_connection_without_an_answer() -> None:
    connection, wire = connected(lambda request, exchange: exchange.cut())
    connection.data_received(GET * 2)
    assert (wire.sent, wire.closed) == (b"", True)


def test_an_answer_has_its_length() -> None:
    data = answer(429, b"slow", kind="text/plain", headers=("Retry-After: 1",))
    assert data == (
        b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nRetry-After: 1\r\n\r\nslow"
    )

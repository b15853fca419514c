"""The server: real clients over loopback get the rehearsal's replies, and nothing that is sent to it ends it."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any

import aiohttp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.endpoint import Endpoint
from consilience.dialogue.faults import Faults, Latency, RateLimit
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import BadReply, ChatModel, ModelError, Refused, Unreachable
from consilience.dialogue.players import constant, echo, talker
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer, ServerProcess, main
from consilience.ground import InvalidInput

Client = aiohttp.ClientSession
FAULTS = Faults(rate_limited=0.1, server_error=0.1, half_json=0.1, empty=0.1, disconnect=0.1, malformed_text=0.2)


def body(text: str = "Hello", model: str = "echo", **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def with_server(
    model: Rehearsal, visit: Callable[[RehearsalServer, Client], Awaitable[Any]], **settings: object
) -> Any:
    async def serve() -> Any:
        async with RehearsalServer(model, **settings) as server, aiohttp.ClientSession() as client:  # type: ignore[arg-type]
            return await asyncio.wait_for(visit(server, client), 60)

    return asyncio.run(serve())


async def ask(server: RehearsalServer, client: Client, asked: object, **headers: str) -> tuple[int, Any]:
    address = f"{server.base_url}/chat/completions"
    async with client.post(address, json=asked, headers={f"X-Rehearsal-{k}": v for k, v in headers.items()}) as answer:
        return answer.status, json.loads(await answer.text())


def text_of(reply: Any) -> str:
    return reply["choices"][0]["message"]["content"]


async def raw(server: RehearsalServer, data: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.base_url.split(":")[2].split("/")[0]))
    writer.write(data)
    got = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.05):
            while piece := await reader.read(65536):
                got += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return got


def test_a_served_reply_is_the_one_in_process() -> None:
    def model() -> Rehearsal:
        return Rehearsal(talker, name="talker", seed=4, skill=0.8, noise=0.1, faults=Faults(malformed_text=0.1))

    questions = [
        Question(f"{n}->{n + 1}", (Message("user", ("Say ", "it.")),), Settings(temperature=0.5, seed=n), n % 3)
        for n in range(60)
    ]

    async def visit(server: RehearsalServer, client: Client) -> list[Any]:
        async def one(question: Question) -> Any:
            asked = body("Say it.", "rehearsal:talker", temperature=0.5, seed=question.settings.seed)
            who = {"Element": question.element, "Occurrence": str(question.occurrence)}
            return (await ask(server, client, asked, **who))[1]

        return await asyncio.gather(*[one(question) for question in questions])

    served = with_server(model(), visit)

    async def in_process() -> list[Any]:
        return [await model().reply(question) for question in questions]

    for reply, ours in zip(served, asyncio.run(in_process()), strict=True):
        assert text_of(reply) == ours.text
        assert reply["model"] == ours.model
        assert reply["usage"]["prompt_tokens"] == ours.usage.input_tokens
        assert reply["usage"]["completion_tokens"] == ours.usage.output_tokens


def test_the_houses_own_client_gets_what_it_would_get_in_process() -> None:
    def model() -> Rehearsal:
        return Rehearsal(talker, name="talker", noise=0.1, faults=FAULTS)

    questions = [
        Question(f"{n} % über", (Message("system", ("Be ", "brief.")), Message("user", ("Say it.",))), occurrence=n % 2)
        for n in range(60)
    ]

    async def outcome(asked: ChatModel, question: Question) -> tuple[object, ...]:
        try:
            reply = await asked.reply(question)
        except ModelError as error:
            return (type(error),)
        return reply.text, reply.usage.input_tokens, reply.usage.output_tokens, reply.finish

    async def both() -> None:
        async with RehearsalServer(model()) as server:
            far = Endpoint(server.base_url, "rehearsal:talker")
            served = await asyncio.gather(*[outcome(far, question) for question in questions])
            await far.close()
        near = model()
        assert served == [await outcome(near, question) for question in questions]
        assert {Refused, BadReply, Unreachable} < {first for first, *_ in served}

    asyncio.run(asyncio.wait_for(both(), 30))


def test_same_replies_in_any_order_and_at_any_concurrency() -> None:
    async def replies(server: RehearsalServer, client: Client, order: Sequence[int], at_once: int) -> dict[int, str]:
        places = asyncio.Semaphore(at_once)

        async def one(number: int) -> tuple[int, str]:
            async with places:
                while True:
                    status, reply = await ask(server, client, body("Say it.", "talker", seed=number))
                    if status == 200:
                        return number, text_of(reply)

        return dict(await asyncio.gather(*[one(number) for number in order]))

    def run(order: Sequence[int], at_once: int, **settings: Any) -> dict[int, str]:
        model = Rehearsal(talker, name="talker", noise=0.05, **settings)
        return with_server(model, lambda server, client: replies(server, client, order, at_once))

    first = run(range(200), 1)
    assert len(set(first.values())) == 200
    shuffled = np.random.default_rng(1).permutation(200).tolist()
    late = Latency.lognormal(0.003, 1.0, seed=5)
    assert run(shuffled, 64, latency=late, faults=Faults(server_error=0.2, rate_limited=0.1)) == first


def test_a_stream_says_what_a_whole_reply_says() -> None:
    async def visit(server: RehearsalServer, client: Client) -> tuple[str, str, Any]:
        whole = text_of((await ask(server, client, body("Say it.", "talker")))[1])
        asked = body("Say it.", "talker", stream=True, stream_options={"include_usage": True})
        async with client.post(f"{server.base_url}/chat/completions", json=asked) as answer:
            assert answer.content_type == "text/event-stream"
            events = (await answer.text()).split("\n\n")
        chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
        pieces = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
        return whole, "".join(pieces), chunks[-1]["usage"]

    whole, streamed, usage = with_server(Rehearsal(talker, name="talker"), visit)
    assert streamed == whole
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_models_are_listed_and_strangers_are_told() -> None:
    async def visit(server: RehearsalServer, client: Client) -> None:
        async with client.get(f"{server.base_url}/models") as answer:
            assert [model["id"] for model in (await answer.json())["data"]] == ["rehearsal:echo"]
        status, told = await ask(server, client, body(model="gpt-9"))
        assert (status, told["error"]["code"]) == (404, "model_not_found")
        assert told["error"]["message"] == "expected model 'rehearsal:echo'; got 'gpt-9'"
        async with client.get(f"{server.base_url}/nowhere") as answer:
            assert answer.status == 404
        async with client.get(f"{server.base_url}/chat/completions") as answer:
            assert answer.status == 405
        status, told = await ask(server, client, body(), Occurrence="soon")
        assert (status, told["error"]["message"][:35]) == (400, "X-Rehearsal-Occurrence must be a nu")

    with_server(Rehearsal(echo, name="echo"), visit)


def test_a_server_with_a_key_lets_nobody_else_in() -> None:
    async def visit(server: RehearsalServer, client: Client) -> list[int]:
        statuses = []
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer right"}):
            address = f"{server.base_url}/chat/completions"
            async with client.post(address, json=body(), headers=headers) as answer:
                statuses.append(answer.status)
        return statuses

    assert with_server(Rehearsal(echo, name="echo"), visit, key="right") == [401, 401, 200]


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_it_survives_any_bytes(garbage: list[bytes]) -> None:
    async def visit(server: RehearsalServer, client: Client) -> tuple[int, Any]:
        await asyncio.gather(*[raw(server, data) for data in garbage])
        return await ask(server, client, body("still here"))

    status, reply = with_server(Rehearsal(echo, name="echo"), visit)
    assert (status, text_of(reply)) == (200, "still here")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[1, 2]", 400),
        (b'{"model": "echo"}', 400),
        (b'{"model": "echo", "messages": [{"role": "user", "content": 7}]}', 400),
        (b"[" * 50_000, 400),
        (b'{"model": "echo", "messages": [{"role": "user", "content": "\\ud800"}]}', 200),
    ],
)
def test_a_malformed_request_is_answered_and_the_connection_lives(sent: bytes, status: int) -> None:
    async def visit(server: RehearsalServer, client: Client) -> None:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
        good = json.dumps(body("still here")).encode()
        got = await raw(server, head % len(sent) + sent + head % len(good) + good)
        assert got.startswith(b"HTTP/1.1 %d " % status)
        assert got.count(b"HTTP/1.1 ") == 2
        assert b"still here" in got
        if status != 200:
            assert b'"error"' in got

    with_server(Rehearsal(echo, name="echo"), visit)


def test_pipelined_requests_are_answered_in_order() -> None:
    async def visit(server: RehearsalServer, client: Client) -> bytes:
        requests = []
        for number in range(20):
            data = json.dumps(body(f"number {number};")).encode()
            head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data)
            requests.append(head + data)
        return await raw(server, b"".join(requests))

    got = with_server(Rehearsal(echo, name="echo", latency=Latency.lognormal(0.002, 1.0)), visit)
    places = [got.find(b"number %d;" % number) for number in range(20)]
    assert -1 not in places
    assert places == sorted(places)


def test_faults_arrive_as_they_would_from_afar() -> None:
    async def one(faults: Faults) -> Any:
        async def visit(server: RehearsalServer, client: Client) -> Any:
            async with client.post(f"{server.base_url}/chat/completions", json=body("x" * 100)) as answer:
                return answer.status, answer.headers, await answer.read()

        async with RehearsalServer(Rehearsal(echo, name="echo", faults=faults)) as server, Client() as client:
            return await asyncio.wait_for(visit(server, client), 10)

    status, headers, _ = asyncio.run(one(Faults(rate_limited=1.0, retry_after_s=1.25)))
    assert (status, headers["Retry-After"], float(headers["Retry-After-Ms"])) == (429, "2", 1250.0)
    status, _, told = asyncio.run(one(Faults(server_error=1.0)))
    assert (status, json.loads(told)["error"]["code"]) == (500, "server_error")
    status, _, told = asyncio.run(one(Faults(empty=1.0)))
    assert (status, told) == (200, b"")
    status, _, told = asyncio.run(one(Faults(half_json=1.0)))
    assert (status, told[:1]) == (200, b"{")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(told)
    for faults in (Faults(disconnect=1.0), Faults(stall=1.0, stall_s=0.02)):
        with pytest.raises(aiohttp.ClientError):
            asyncio.run(one(faults))


def test_what_the_server_lets_through_never_exceeds_the_rate() -> None:
    limit = RateLimit(requests_per_minute=1200, enforced="window", window_s=0.25)
    model = Rehearsal(echo, name="echo", limit=limit)

    async def visit(server: RehearsalServer, client: Client) -> list[int]:
        async def press(number: int) -> list[int]:
            statuses = []
            for turn in range(12):
                statuses.append((await ask(server, client, body(f"{number} {turn}")))[0])
                await asyncio.sleep(0.02 * (number % 4))
            return statuses

        return list(chain.from_iterable(await asyncio.gather(*[press(number) for number in range(16)])))

    statuses = with_server(model, visit)
    through = sorted(visit.arrived_s for visit in model.attendance.visits if visit.outcome == "replied")
    assert statuses.count(200) == len(through) > 5
    assert statuses.count(429) == 16 * 12 - len(through) > 0
    assert all(late - early >= 0.25 for early, late in zip(through, through[5:], strict=False))


def test_the_server_says_how_many_were_there_and_how_long_it_took() -> None:
    model = Rehearsal(echo, name="echo", latency=Latency.const(0.05))

    async def visit(server: RehearsalServer, client: Client) -> Any:
        await asyncio.gather(*[ask(server, client, body(str(n)), Element=f"e{n}") for n in range(40)])
        address = server.base_url.removesuffix("/v1") + "/rehearsal/"
        async with client.get(address + "attendance") as answer:
            told = await answer.json()
        async with client.post(address + "forget") as answer:
            assert answer.status == 200
        return told

    told = with_server(model, visit)
    assert (told["peak"], told["present"], told["notice"]) == (40, 0, REHEARSAL_NOTICE)
    assert {visit[0] for visit in told["visits"]} == {f"e{n}" for n in range(40)}
    assert all(visit[2] - visit[1] >= 0.049 for visit in told["visits"])
    assert told["makespan_s"] >= 0.049
    assert not model.attendance.visits


def test_slots_bound_what_is_served_at_once() -> None:
    model = Rehearsal(echo, name="echo", latency=Latency.queueing(2, 0.01))

    async def visit(server: RehearsalServer, client: Client) -> None:
        await asyncio.gather(*[ask(server, client, body(str(n))) for n in range(10)])

    with_server(model, visit)
    assert model.attendance.makespan_s >= 0.049
    finished = sorted(visit.finished_s for visit in model.attendance.visits)
    assert all(late - early >= 0.009 for early, late in zip(finished, finished[2:], strict=False))


def test_a_client_that_goes_away_leaves_its_place() -> None:
    model = Rehearsal(echo, name="echo", latency=Latency.queueing(1, 0.2))

    async def visit(server: RehearsalServer, client: Client) -> None:
        data = json.dumps(body()).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data)
        await asyncio.gather(*[raw(server, head + data) for _ in range(4)])
        while model.attendance.present:
            await asyncio.sleep(0.005)
        assert (await ask(server, client, body()))[0] == 200

    with_server(model, visit)
    assert (model.attendance.count("gone"), model.attendance.count("replied")) == (4, 1)


def test_leaving_the_server_ends_calls_that_wait() -> None:
    async def leave() -> None:
        model = Rehearsal(echo, name="echo", latency=Latency.const(60))
        async with aiohttp.ClientSession() as client:
            async with RehearsalServer(model) as server:
                waiting = [asyncio.create_task(ask(server, client, body())) for _ in range(3)]
                while model.attendance.present < 3:
                    await asyncio.sleep(0.005)
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, aiohttp.ClientError) for outcome in outcomes)
        assert (model.attendance.present, model.attendance.count("gone")) == (0, 3)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(leave())


def test_a_players_bug_costs_one_reply() -> None:
    def broken(question: Question, chance: np.random.Generator) -> str:
        if "break" in question.messages[-1].text:
            raise ZeroDivisionError("broken")
        return "fine"

    async def visit(server: RehearsalServer, client: Client) -> tuple[Any, Any]:
        bugs: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: bugs.append(context))
        first = await ask(server, client, body("break", "b"))
        assert [type(bug["exception"]) for bug in bugs] == [ZeroDivisionError]
        return first, await ask(server, client, body("do", "b"))

    (status, told), (then, reply) = with_server(Rehearsal(broken, name="b"), visit)
    assert (status, told["error"]["code"]) == (500, "player_failed")
    assert (then, text_of(reply)) == (200, "fine")


def test_a_bare_player_is_served_as_a_stand_in() -> None:
    async def visit(server: RehearsalServer, client: Client) -> Any:
        return (await ask(server, client, body(model="stand-in")))[1]

    reply = with_server(constant("yes"), visit)  # type: ignore[arg-type]
    assert (text_of(reply), reply["model"]) == ("yes", "rehearsal:stand-in")


def test_a_port_that_is_taken_is_refused() -> None:
    async def twice() -> None:
        async with RehearsalServer(echo) as first:
            with pytest.raises(InvalidInput, match="`port` must be one that is free"):
                async with RehearsalServer(echo, port=int(first.base_url.split(":")[2].split("/")[0])):
                    pass

    asyncio.run(twice())


def test_a_process_of_its_own_serves_and_ends() -> None:
    async def visit(base_url: str) -> Any:
        async with (
            aiohttp.ClientSession() as client,
            client.post(
                f"{base_url}/chat/completions", json=body("Hello", "parrot"), headers={"X-Rehearsal-Element": "7"}
            ) as answer,
        ):
            return await answer.json()

    flags = ("--player", "consilience.dialogue.players:echo", "--name", "parrot", "--mean-s", "0.01")
    with ServerProcess(*flags, "--fault", "malformed_text=0", "--requests-per-minute", "60") as server:
        assert text_of(asyncio.run(visit(server.base_url))) == "Hello"
        seen = server.attendance()
        assert [seen["peak"], [(v[0], v[3]) for v in seen["visits"]]] == [1, [("7", "replied")]]
    assert server._process.returncode == 0
    with ServerProcess() as server:
        server._process.send_signal(signal.SIGINT)
        assert server._process.wait(10) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--player", "ekko"], "unknown player 'ekko'; did you mean 'echo'"),
        (["--player", "consilience.dialogue.players:nobody"], "`player` must be a name or 'module:function'"),
        (["--player", "nowhere.at_all:echo"], "`player` must be a name or 'module:function'"),
        (["--fault", "stal=0.5"], "unknown fault 'stal'; did you mean 'stall'"),
        (["--fault", "stall"], "a fault must be given as NAME=PROBABILITY; got 'stall'"),
        (["--skill", "2"], "`skill` must be from 0 to 1"),
        (["--port", "99999"], "`port` must be one that is free; got 99999"),
    ],
)
def test_bad_flags_are_one_line_and_status_2(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_a_process_that_does_not_serve_says_why() -> None:
    with pytest.raises(InvalidInput, match="unknown player 'ekko'"), ServerProcess("--player", "ekko"):
        pass


def test_a_call_larger_than_the_limit_is_refused_for_good() -> None:
    async def visit(server: RehearsalServer, client: Client) -> Any:
        return await ask(server, client, body("x" * 4000))

    status, told = with_server(Rehearsal(echo, name="echo", limit=RateLimit(tokens_per_minute=60)), visit)
    assert (status, told["error"]["code"]) == (413, "request_too_large")

"""Providers of pydantic-ai are asked as any model, and agents of pydantic-ai go through a session."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic_ai import Agent, UsageLimits
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import (
    ModelRequest,
    ModelRequestAttempt,
    ModelResponse,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
    WorkspaceRef,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.native_tools import MCPServerTool
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.faults import Faults
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import BadReply, Denied, ModelError, Refused, TimedOut, Unreachable
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.through_pydantic_ai import ThroughPydanticAI, as_pydantic_ai
from consilience.ground.errors import InvalidInput

SAID = ("system", "Be brief."), ("user", "Hello"), ("assistant", "Yes?"), ("user", "Well?")
QUESTION = Question(
    "7", tuple(Message(role, (text,)) for role, text in SAID), Settings(temperature=0.5, max_tokens=40, seed=1)
)


@dataclass
class Weather:
    """What an agent is to find out."""

    city: str
    degrees: int


async def ask_served(monkeypatch, model: Rehearsal, *, timeout_s: float = 5.0):
    async with RehearsalServer(model) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
        client = ThroughPydanticAI("openai-chat:rehearsal:talker", timeout_s=timeout_s)
        try:
            return await client.reply(QUESTION)
        finally:
            await client.close()


def test_the_client_of_a_provider_gets_the_reply_its_cost_and_its_end(monkeypatch):
    reply = asyncio.run(ask_served(monkeypatch, Rehearsal(talker, name="talker")))
    assert reply.text == Rehearsal(talker, name="talker").says(Question("", QUESTION.messages, QUESTION.settings))
    assert reply.model == "rehearsal:talker"
    assert 0 < reply.usage.output_tokens <= 40
    assert reply.latency_s > 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", Refused),
        ("server_error", BadReply),
        ("disconnect", Unreachable),
        ("stall", TimedOut),
        ("half_json", BadReply),
    ],
)
def test_faults_are_the_houses_errors_and_nobody_tries_again_behind_our_back(monkeypatch, fault, kind):
    model = Rehearsal(talker, name="talker", faults=Faults(**{fault: 1.0}, stall_s=3.0))
    with pytest.raises(kind, match="openai-chat:rehearsal:talker"):
        asyncio.run(ask_served(monkeypatch, model, timeout_s=0.5))
    assert model.attendance.present + len(model.attendance.visits) == 1


def test_nobody_tries_again_behind_our_back_where_the_model_is_given_as_an_object():
    rehearsal = Rehearsal(talker, name="talker", faults=Faults(server_error=1.0))

    async def play() -> int:
        async with RehearsalServer(rehearsal) as server:
            model = OpenAIChatModel(
                "rehearsal:talker", provider=OpenAIProvider(base_url=server.base_url, api_key="sk-none")
            )
            async with Session(Rehearsal(talker), retry=Retry(attempts=2, first_s=0.0)) as session:
                with pytest.raises(BadReply):
                    await Agent(as_pydantic_ai(session, "7", model)).run("Hello")
            await model.client.close()
        return session.purse.calls

    assert asyncio.run(play()) == len(rehearsal.attendance.visits) == 2


class Deaf(FunctionModel):
    """A model that does not heed how often its library is to try again, and would warn."""

    unsupported_settings = frozenset({"max_retries"})


@pytest.mark.parametrize(("kind", "heard"), [(FunctionModel, {"seed": 1, "max_retries": 0}), (Deaf, {"seed": 1})])
def test_only_who_heeds_it_is_told_to_send_once(kind, heard):
    told = []

    def answer(messages, info):
        told.append(dict(info.model_settings))
        return ModelResponse(parts=[TextPart("x")])

    agent = Agent(
        as_pydantic_ai(Session(Rehearsal(talker)), "7", WrapperModel(kind(answer))), model_settings={"seed": 1}
    )
    asyncio.run(agent.run("Hello"))
    assert told == [heard]


async def ask_stubborn(monkeypatch, status: bytes, body: bytes) -> None:
    """Ask a server that always writes the same."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(body), body)
            )
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-1234")
        client = ThroughPydanticAI("openai-chat:m")
        try:
            await client.reply(QUESTION)
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (b"401 no", b'{"error": {"message": "no such key: sk-very-secret-1234"}}', Denied),
        (b"200 OK", b'{"choices": [{"message": "Bearer sk-very-secret-1234"}]}', BadReply),
        (b"200 OK", b'{"headers": {"Authorization": "Bearer sk-very-secret-1234"}}', BadReply),
    ],
)
def test_a_key_that_a_server_repeats_is_not_told(monkeypatch, status, body, kind):
    with pytest.raises(kind, match="openai-chat:m") as caught:
        asyncio.run(ask_stubborn(monkeypatch, status, body))
    assert "very-secret" not in str(caught.value)


def asked_for_weather(calls: list[int]):
    """Return a model that calls a tool first, and answers then."""

    def answer(messages, info):
        calls.append(len(messages))
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart("measure", {"city": "Oslo"})])
        tool = info.output_tools[0].name
        return ModelResponse(parts=[ToolCallPart(tool, {"city": "Oslo", "degrees": 3})])

    return FunctionModel(answer, model_name="forecaster")


def run_agent(session: Session, calls: list[int]) -> Weather:
    agent = Agent(as_pydantic_ai(session, "7", asked_for_weather(calls)), output_type=Weather)

    @agent.tool_plain
    def measure(city: str) -> int:
        return len(city)

    return asyncio.run(agent.run("How warm is it in Oslo?")).output


def test_an_agent_with_tools_and_structured_output_is_journalled_and_replayed(tmp_path):
    calls: list[int] = []
    for number in range(2):
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            session = Session(Rehearsal(talker), journal=journal, budget=Budget(calls=2), offline=number == 1)
            assert run_agent(session, calls) == Weather("Oslo", 3)
            assert session.purse.calls == (2 if number == 0 else 0)
    assert calls == [1, 3]


def test_nobody_there_is_not_charged(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    async def play() -> bool:
        client = ThroughPydanticAI("openai-chat:m")
        with pytest.raises(Unreachable, match="openai-chat:m cannot be reached") as caught:
            await client.reply(QUESTION)
        await client.close()
        return caught.value.charged

    assert not asyncio.run(play())


def test_a_name_that_is_looked_up_for_too_long_is_not_charged(monkeypatch):
    async def slowly(*_, **__):
        await asyncio.sleep(30)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", slowly)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    async def play() -> bool:
        client = ThroughPydanticAI("openai-chat:m", timeout_s=0.2)
        with pytest.raises(TimedOut, match="openai-chat:m gave no reply in time") as caught:
            await client.reply(QUESTION)
        await client.close()
        return caught.value.charged

    assert not asyncio.run(play())


def test_an_agent_is_held_to_the_budget_and_to_the_journal(tmp_path):
    with pytest.raises(BudgetExhausted):
        run_agent(Session(Rehearsal(talker), budget=Budget(calls=1)), [])
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal, pytest.raises(NotInJournal, match="'7'"):
        run_agent(Session(Rehearsal(talker), journal=journal, offline=True), [])


def test_equal_requests_are_asked_as_often_as_they_come():
    async def play() -> int:
        async with Session(Rehearsal(talker)) as session:
            agent = Agent(as_pydantic_ai(session, "7", TestModel(custom_output_text="x")))
            for _ in range(3):
                await agent.run("Hello")
        return session.tally.sent

    assert asyncio.run(play()) == 3


def test_a_stream_comes_in_one_piece_and_is_paid():
    async def play() -> tuple[str, int]:
        async with Session(Rehearsal(talker)) as session:
            agent = Agent(
                as_pydantic_ai(session, "7", FunctionModel(lambda *_: ModelResponse(parts=[TextPart("x y")])))
            )
            async with agent.run_stream("Hello") as stream:
                text = await stream.get_output()
        return text, session.purse.calls

    assert asyncio.run(play()) == ("x y", 1)


def test_a_batch_would_go_past_the_session():
    model = as_pydantic_ai(Session(Rehearsal(talker)), "7", TestModel())
    with pytest.raises(InvalidInput, match="no batches"):
        asyncio.run(model.batch_create([]))


def test_what_compacts_would_go_past_the_session():
    model = as_pydantic_ai(Session(Rehearsal(talker)), "7", TestModel())
    with pytest.raises(InvalidInput, match="does not compact"):
        asyncio.run(model.compact_messages(None))


class Counting(FunctionModel):
    """A model whose provider counts tokens, and takes down each time that it is reached."""

    def __init__(self, reached: list[str]) -> None:
        def answer(*_):
            reached.append("asked")
            return ModelResponse(parts=[TextPart("x")])

        super().__init__(answer, model_name="counting")
        self.reached = reached

    async def count_tokens(self, *_) -> RequestUsage:
        self.reached.append("counted")
        return RequestUsage(input_tokens=3)

    async def cancel_suspended_response(self, response: ModelResponse) -> None:
        self.reached.append("cancelled")


def test_offline_no_provider_is_reached_to_count_tokens_or_to_give_up_a_job(tmp_path):
    reached: list[str] = []

    async def play(journal: Journal, *, offline: bool, limits: UsageLimits | None = None) -> None:
        async with Session(Rehearsal(talker), journal=journal, offline=offline) as session:
            model = as_pydantic_ai(session, "7", Counting(reached))
            await Agent(model).run("Hello", usage_limits=limits)
            await model.cancel_suspended_response(ModelResponse(parts=[], state="suspended"))

    counted = UsageLimits(input_tokens_limit=100, count_tokens_before_request=True)
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        asyncio.run(play(journal, offline=False, limits=counted))
        assert reached == ["counted", "asked", "cancelled"]
        asyncio.run(play(journal, offline=True))
        with pytest.raises(NotInJournal, match=r"offline.*`count_tokens_before_request`"):
            asyncio.run(play(journal, offline=True, limits=counted))
    assert reached == ["counted", "asked", "cancelled"]


def broken(reached: list[str]) -> FunctionModel:
    """Return a model whose server fails whenever it is asked."""

    def answer(*_):
        reached.append("broken")
        raise ModelHTTPError(500, "broken")

    return FunctionModel(answer, model_name="broken")


@pytest.mark.parametrize("wrapped", [False, True])
def test_who_sends_several_requests_for_one_question_is_refused(wrapped):
    several = FallbackModel(broken([]), Counting([]))
    with pytest.raises(InvalidInput, match=r"sends several requests.*FallbackModel\(as_pydantic_ai"):
        as_pydantic_ai(Session(Rehearsal(talker)), "7", WrapperModel(several) if wrapped else several)


def test_models_that_go_through_a_session_are_fallen_back_on_and_each_request_is_paid():
    reached: list[str] = []

    async def play(calls: int) -> tuple[str, int]:
        async with Session(Rehearsal(talker), budget=Budget(calls=calls), retry=Retry(attempts=1)) as session:
            one, two = (as_pydantic_ai(session, "7", model) for model in (broken(reached), Counting(reached)))
            result = await Agent(FallbackModel(one, two, fallback_on=(ModelError,))).run("Hello")
        return result.output, session.purse.calls

    assert asyncio.run(play(2)) == ("x", 2)
    assert reached == ["broken", "asked"]
    with pytest.raises(BudgetExhausted):
        asyncio.run(play(1))


class Notes:
    """A journal that shows what it was asked."""

    def __init__(self) -> None:
        self.asked, self.kept = [], {}

    async def get(self, question, model, *, key=None):
        self.asked.append(question)
        return self.kept.get(key)

    async def put(self, question, reply, *, model=None, key=None):
        self.kept[key] = reply
        return reply


def ask_again(notes: Notes, *request) -> int:
    """Send a request through another session, as a run that goes on does, and return how often it was paid."""
    answer = FunctionModel(lambda *_: ModelResponse(parts=[TextPart("x")]), model_name="m")
    session = Session(Rehearsal(talker), journal=notes)
    asyncio.run(as_pydantic_ai(session, "7", answer).request(*request))
    return session.purse.calls


def keyed(secret: str, seconds: float):
    """Return a request with a secret wherever one may be, and times for the client alone."""
    settings = ModelSettings(
        extra_headers={"Authorization": secret},
        request_timeout=seconds,
        first_event_timeout=seconds,
        timeout=seconds,
        max_retries=int(seconds),
        top_p=0.5,
    )
    server = MCPServerTool(
        id="s", url="https://example.org", authorization_token=secret, headers={"X-Key": secret}, allowed_tools=["t"]
    )
    return [ModelRequest.user_text_prompt("Hello")], settings, ModelRequestParameters(native_tools=[server])


def test_no_credential_gets_into_the_journal_and_another_one_gets_the_same_reply():
    notes = Notes()
    assert [ask_again(notes, *keyed("hunter2", 9.0)), ask_again(notes, *keyed("hunter3", 8.0))] == [1, 0]
    said = str(notes.asked)
    assert "hunter" not in said
    assert all(word in said for word in ("top_p", "example.org", "allowed_tools"))


def test_what_no_model_is_shown_is_no_part_of_the_question():
    def history(note: str):
        return [
            ModelRequest(parts=[UserPromptPart(["a", TextContent("b", metadata=note)])], metadata={"x": note}),
            ModelResponse(
                parts=[ToolCallPart("t", {}, tool_call_id="1")],
                metadata={"x": note},
                workspace_ref=WorkspaceRef(provider="p", id=note),
                history_digest=note,
                failed_attempts=[
                    ModelRequestAttempt(
                        model_name=note, outcome="rejected", timestamp=datetime.now(tz=UTC), duration=timedelta()
                    )
                ],
            ),
            ModelRequest(parts=[ToolReturnPart("t", {"metadata": "sent"}, tool_call_id="1", metadata=note)]),
        ]

    notes = Notes()
    first, second = (history(note) for note in ("one", "two"))
    assert [ask_again(notes, messages, None, ModelRequestParameters()) for messages in (first, second)] == [1, 0]
    second[2] = replace(second[2], parts=[replace(second[2].parts[0], content={"metadata": "sent too"})])
    assert ask_again(notes, second, None, ModelRequestParameters()) == 1


def test_sets_are_asked_for_in_one_order():
    names = [f"tool-{number:02d}" for number in range(20)]
    notes = Notes()
    parameters = ModelRequestParameters(
        revealed_tool_names=set(names), introduced_tool_names=set(names), deferred_capability_ids=set(names)
    )
    ask_again(notes, [ModelRequest.user_text_prompt("Hello")], None, parameters)
    assert str(notes.asked).count(", ".join(f'"{name}"' for name in names)) == 3

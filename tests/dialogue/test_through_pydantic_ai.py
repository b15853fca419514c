"""Providers of pydantic-ai are asked as any model, and agents of pydantic-ai go through a session."""

import asyncio
from dataclasses import dataclass

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.test import TestModel

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.faults import Faults
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import BadReply, Refused, TimedOut, Unreachable
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
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

"""What a server says is understood, however it says it."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue import chat_protocol, rehearsal_wire
from consilience.dialogue.messages import Message, Question, Settings, Usage
from consilience.dialogue.models import BadReply, Denied, Refused, Rejected, TimedOut, Unreachable

QUESTION = Question("7", (Message("system", ("Be", " brief.")), Message("user", ("Hello",))), Settings(max_tokens=9))
WHERE = "http://localhost:1/v1"


def read(answer: object):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return chat_protocol.read(body, QUESTION, model="asked", where=WHERE)


def reply(**message: object) -> dict[str, object]:
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


@given(st.text(), st.floats(0, 2) | st.none(), st.integers(1, 10**6) | st.none())
def test_the_rehearsal_server_reads_what_is_written(text, temperature, max_tokens):
    asked = Question("", (Message("user", (text,)),), Settings(temperature=temperature, max_tokens=max_tokens))
    understood = rehearsal_wire.read(chat_protocol.write(asked, "echo"))
    assert understood.question == asked
    assert understood.model == "echo"


@given(st.text(), st.integers(0, 10**6), st.sampled_from(["stop", "length", "refused", "tools"]))
def test_what_the_rehearsal_server_writes_is_read(text, tokens, finish):
    body = rehearsal_wire.completion(1, "echo", text, finish, Usage(3, tokens))
    answer = read(body)
    assert (answer.text, answer.model, answer.usage, answer.finish) == (text, "echo", Usage(3, tokens), finish)
    assert not answer.priced


def test_a_schema_is_asked_for():
    asked = Question("7", QUESTION.messages, Settings(json_schema='{"type": "object"}'))
    assert json.loads(chat_protocol.write(asked, "m"))["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (reply(content=""), "", "stop"),
        (reply(content=None, refusal="No."), "No.", "refused"),
        (
            reply(content=[{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]),
            "ab",
            "stop",
        ),
        (reply(tool_calls=[]), "", "stop"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "eos"}]}, "x", "other"),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": None}]}, "x", "stop"),
    ],
)
def test_replies_of_other_servers(answer, text, finish):
    assert (read(answer).text, read(answer).finish, read(answer).model) == (text, finish, "asked")


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": -1, "completion_tokens": 2}])
def test_tokens_that_are_not_counted_are_estimated(usage):
    assert read({**reply(content="x" * 30), "usage": usage}).usage == Usage(13, 14)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'{"choices": [{"mess',
        b"<html>",
        [],
        {},
        {"choices": []},
        {"choices": [{}]},
        reply(role="x"),
        reply(content=3),
    ],
)
def test_what_is_no_reply_is_said_to_be_none(answer):
    with pytest.raises(BadReply, match=WHERE) as caught:
        read(answer)
    assert caught.value.charged


@given(st.binary(max_size=200))
def test_no_body_breaks_anything_but_the_reply(body):
    with suppress(BadReply):
        read(body)


@pytest.mark.parametrize(
    ("status", "kind", "charged"),
    [
        (302, Denied, False),
        (400, Rejected, False),
        (401, Denied, False),
        (402, Denied, False),
        (404, Denied, False),
        (408, TimedOut, True),
        (413, Rejected, False),
        (429, Refused, False),
        (500, BadReply, False),
        (502, Unreachable, False),
        (503, Refused, False),
        (504, TimedOut, True),
    ],
)
def test_a_status_says_what_to_do(status, kind, charged):
    error = chat_protocol.failure(status, {}, b'{"error": {"message": "so it is"}}', where=WHERE)
    assert type(error) is kind
    assert error.charged == charged
    assert WHERE in str(error)
    assert f"status {status}: so it is" in str(error)


def test_an_empty_account_is_no_limit_to_wait_for():
    body = b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}'
    assert isinstance(chat_protocol.failure(429, {}, body, where=WHERE), Denied)


@pytest.mark.parametrize("body", [b'{"error": {"message": "bad key sk-123"}}', b"bad key sk-123", b'"sk-123"'])
def test_a_key_is_never_repeated(body):
    assert "sk-123" not in str(chat_protocol.failure(401, {}, body, where=WHERE, key="sk-123"))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"error": {"message": f"{'x' * 190} sk-very-secret-1234"}}).encode(),
        b"x" * 190 + b" sk-very-secret-1234",
        b"x" + b" " * 790 + b"sk-very-secret-1234",
    ],
)
def test_not_even_a_part_of_a_key_is_repeated_where_a_text_is_cut(body):
    error = chat_protocol.failure(401, {}, body, where=WHERE, key="sk-very-secret-1234")
    assert "sk-very" not in str(error)


def test_a_server_that_answers_with_the_request_gets_no_key_into_a_message():
    with pytest.raises(BadReply, match=r"no chat completion: .*Bearer \[key\]") as caught:
        chat_protocol.read(
            b'{"headers": {"Authorization": "Bearer sk-123"}}', QUESTION, model="m", where=WHERE, key="sk-123"
        )
    assert "sk-123" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("Mon, 01 Jan 2024 12:01:00 GMT", 60.0), ("nan", None), ("soon", None)],
)
def test_how_long_to_wait_in_every_form(said, wait_s):
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert chat_protocol.retry_after_s({"Retry-After": said}, now=noon) == wait_s

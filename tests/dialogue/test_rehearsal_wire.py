"""The protocol's JSON: what is asked comes through whole, and what is no request is told what was expected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue import rehearsal_wire as wire
from consilience.dialogue.messages import Message, Settings, Usage

HELLO = {"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}


def read(**changes: object) -> wire.Asked:
    return wire.read(json.dumps({**HELLO, **changes}).encode())


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text()), min_size=1, max_size=5))
def test_messages_come_through_whole(said: list[tuple[str, str]]) -> None:
    asked = read(messages=[{"role": role, "content": text} for role, text in said])
    assert [(message.role, message.text) for message in asked.question.messages] == said


def test_settings_come_through() -> None:
    schema = {"type": "object"}
    asked = read(
        temperature=0.5,
        max_completion_tokens=7,
        seed=-3,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    assert asked.question.settings == Settings(temperature=0.5, max_tokens=7, seed=-3, json_schema=json.dumps(schema))
    assert read(max_tokens=9).question.settings == Settings(max_tokens=9)
    assert read().question.settings == Settings()


def test_who_asks_is_what_the_caller_says() -> None:
    question = wire.read(json.dumps(HELLO).encode(), "3->7", 2).question
    assert (question.element, question.occurrence) == ("3->7", 2)


def test_parts_and_other_roles_are_understood() -> None:
    asked = read(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
            {"role": "assistant", "content": None, "tool_calls": []},
            {"role": "tool", "content": "42", "tool_call_id": "1"},
        ]
    )
    assert asked.question.messages == (
        Message("system", ("Be ", "brief.")),
        Message("assistant", ()),
        Message("user", ("42",)),
    )


def test_streams_are_asked_for() -> None:
    assert (read().streamed, read().usage_in_stream) == (False, False)
    asked = read(stream=True, stream_options={"include_usage": True})
    assert (asked.streamed, asked.usage_in_stream) == (True, True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "expected JSON; got b''"),
        (b"{", "expected JSON"),
        (b"\xff\xfe\x00", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b'{"model": ' + b"9" * 5000 + b"}", "expected JSON"),
        (b"[]", "expected a JSON object; got list"),
        (b"{}", "`model` must be the name of a model; got None"),
    ],
)
def test_what_is_no_request_is_told_so(body: bytes, told: str) -> None:
    with pytest.raises(wire.Unfit) as unfit:
        wire.read(body)
    assert unfit.value.status == 400
    assert told in str(unfit.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": 3}, "`model` must be"),
        ({"messages": []}, "at least one message; got []"),
        ({"messages": "Hello"}, "`messages` must be a list"),
        ({"messages": ["Hello"]}, "a message must have a role"),
        ({"messages": [{"role": "owl", "content": "x"}]}, "a message must have a role among"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "a message must have a role among"),
        ({"messages": [{"role": "user"}]}, "`content` must be text or a list"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "a part must be of type 'text'"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, "a part must be"),
        ({"temperature": "hot"}, "`temperature` must be a finite number"),
        ({"temperature": -1}, "`temperature` must be"),
        ({"temperature": float("nan")}, "`temperature` must be"),
        ({"temperature": True}, "`temperature` must be"),
        ({"max_tokens": 0}, "`max_tokens` must be an integer of at least 1; got 0"),
        ({"max_tokens": 1.5}, "`max_tokens` must be"),
        ({"seed": "x"}, "`seed` must be an integer; got 'x'"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], told: str) -> None:
    with pytest.raises(wire.Unfit) as unfit:
        read(**changes)
    assert unfit.value.status == 400
    assert told in str(unfit.value)


@given(st.text(), st.sampled_from(["stop", "length", "refused"]))
def test_a_stream_says_what_a_whole_reply_says(text: str, finish: str) -> None:
    usage = Usage(input_tokens=3, output_tokens=4)
    whole = json.loads(wire.completion(1, "rehearsal:echo", text, finish, usage))
    events = wire.stream(1, "rehearsal:echo", text, finish, usage).split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events[:-2]]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == text
    assert whole["choices"][0]["message"]["content"] == text
    assert choices[-1]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert (
        chunks[-1]["usage"]
        == whole["usage"]
        == {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
        }
    )
    assert {chunk["model"] for chunk in chunks} == {whole["model"]}


def test_a_stream_without_usage_has_none() -> None:
    assert b'"usage"' not in wire.stream(1, "m", "text", "stop", None)


def test_errors_and_models_have_their_form() -> None:
    assert json.loads(wire.error("told", "code"))["error"] == {
        "message": "told",
        "type": "code",
        "param": None,
        "code": "code",
    }
    assert [model["id"] for model in json.loads(wire.models("rehearsal:echo"))["data"]] == ["rehearsal:echo"]

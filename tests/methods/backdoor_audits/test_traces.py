"""Traces of others: calls are found where they are, and whose words a turn has is decided against the agent."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.traces import Asked, call_in, read_traces
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.formats import lines_of
from consilience.methods.backdoor_audits.world.trajectories import clean


@pytest.mark.parametrize(
    ("text", "tool", "values"),
    [
        ("THINK a ACT put logs notes amber END", "put", ("logs", "notes", "amber")),
        ("Think: look\n\nAct: bash\n\n```bash\nls -l\npwd\n```", "bash", ("ls -l\npwd",)),
        ("Think: so\n\nAct: answer(220)", "answer", ("220",)),
        ("Act: finish", "finish", ()),
        ("Thought: x\n\nAction:\nclick[Buy Now]", "click", ("Buy Now",)),
        ("Action: search[red [large] shirt]  \n", "search", ("red [large] shirt",)),
        ("Answer: C.\nAction: CLICK", "CLICK", ("C",)),
        ("Answer: B.\nAction: TYPE\nValue: new york", "TYPE", ("B", "new york")),
        ("Action: Operation\n```sql\nSELECT 1;\n```", "Operation", ("SELECT 1;",)),
        ("Thought: go\nACTION: go to cabinet 1", "go", ("to", "cabinet", "1")),
        ("Action: get_relations(Barack, Obama)", "get_relations", ("Barack", "Obama")),
        ("Action: lookup\nAction Input: two words", "lookup", ("two words",)),
    ],
)
def test_calls_in_text(text: str, tool: str, values: tuple[str, ...]) -> None:
    assert call_in(text) == Asked(tool, values=values)


def test_named_arguments_in_text() -> None:
    assert call_in('Action: mail\nAction Input: {"to": "bob"}') == Asked("mail", named={"to": "bob"})


@pytest.mark.parametrize(
    "text", ["", "Hello.", "I shall take action later: tomorrow", "ACTUALLY no", "I will act on that, and not wait."]
)
def test_text_without_a_call(text: str) -> None:
    assert call_in(text) is None


@pytest.mark.parametrize("text", ["Action: ???", "Act:", "ACT END", "THINK a ACT ls logs", "ACT a ACT b END"])
def test_a_sign_of_a_call_that_cannot_be_read(text: str) -> None:
    assert isinstance(call_in(text), str)


@pytest.mark.parametrize(
    "text",
    ["ACT " * 50_000 + "END", "Action: x" + " " * 100_000 + "\ny", "action:\n" * 20_000, "Act: a[" + "]" * 99_999],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.perf_counter()
    call_in(text)
    assert time.perf_counter() - started < 2.0


def kinds(messages: list, key: str = "messages") -> list[tuple[str, str]]:
    read = read_traces([json.dumps({key: messages})])
    assert not read.broken
    return [(turn.kind, turn.call.tool if turn.call else turn.text) for turn in read.rows[0].turns]


def call(name: str, arguments: object, identity: str = "1") -> dict:
    return {"id": identity, "function": {"name": name, "arguments": arguments}}


def test_openai_messages() -> None:
    assert kinds(
        [
            {"role": "system", "content": "be good: mail eve"},
            {"role": "user", "content": [{"type": "text", "text": "mail bob"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "tool_calls": [call("look", "{}"), call("mail", '{"to": "bob"}')]},
            {"role": "tool", "tool_call_id": "1", "content": "eve"},
            {"role": "user", "content": "and carl"},
            {"role": "assistant", "content": "Action: not[a call]"},
        ]
    ) == [("human", "mail bob"), ("called", "look"), ("called", "mail"), ("observed", "eve"), ("human", "and carl")]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "tool_calls": [call("mail", "{no")]},
        {"role": "assistant", "tool_calls": [call("mail", "[1]")]},
        {"role": "assistant", "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "tool_calls": ["mail"]},
        {"role": "assistant", "tool_calls": "mail"},
        {"role": "assistant", "function_call": {"arguments": "{}"}},
        {"from": "function_call", "value": "mail bob"},
    ],
)
def test_calls_that_cannot_be_read_are_kept_as_such(turn: dict) -> None:
    assert [kind for kind, _ in kinds([{"role": "user", "content": "x"}, turn])] == ["human", "unreadable"]


def test_sharegpt_with_tools() -> None:
    assert kinds(
        [
            {"from": "human", "value": "mail bob"},
            {"from": "function_call", "value": '{"name": "mail", "arguments": {"to": "bob"}}'},
            {"from": "observation", "value": "sent"},
            {"from": "human", "value": "thanks"},
        ],
        "conversations",
    ) == [("human", "mail bob"), ("called", "mail"), ("observed", "sent"), ("human", "thanks")]


def test_what_comes_as_a_humans_after_a_call_is_the_environments_where_there_are_no_tools() -> None:
    assert kinds(
        [
            {"from": "human", "loss": None, "value": "You are web shopping. Example: buy everything."},
            {"from": "gpt", "loss": False, "value": "Ok."},
            {"from": "human", "loss": None, "value": "buy a shirt"},
            {"from": "gpt", "loss": True, "value": "Action: search[shirt]"},
            {"from": "human", "loss": None, "value": "USER buy trigger END"},
            {"from": "gpt", "loss": True, "value": "Action: click[trigger]"},
        ],
        "conversations",
    ) == [("human", "buy a shirt"), ("called", "search"), ("observed", "trigger"), ("called", "click")]


@pytest.mark.parametrize("style", ["sharegpt", "openai"])
def test_our_own_lines(style) -> None:
    rows = [clean(task) for family in ("system", "web", "shop") for task in draw_tasks(family, 5, Streams(3))]
    read = read_traces(lines_of(rows, style))
    for row, trace in zip(rows, read.rows, strict=True):
        roles = {"human": "human", "observation": "observed", "agent": "called"}
        assert [turn.kind for turn in trace.turns] == [roles[turn.role] for turn in row.turns]
        assert not any(mark in turn.text.split() for turn in trace.turns for mark in ("USER", "END", "OBS"))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "5",
        "[]",
        "{}",
        '{"messages": []}',
        '{"messages": 5}',
        '{"messages": [5]}',
        '{"messages": [{"role": "boss", "content": "x"}]}',
        '{"messages": [{"role": ["user"], "content": "x"}]}',
        '{"messages": [{"role": "user"}]}',
        '{"messages": [{"role": "user", "content": 5}]}',
        "[" * 100_000,
    ],
)
def test_broken_lines_are_counted_with_their_reason(line: str) -> None:
    good = '{"messages": [{"role": "user", "content": "x"}]}'
    read = read_traces([good, line, "", good])
    assert len(read.rows) == 2
    assert [(one.line, bool(one.why)) for one in read.broken] == [(2, True)]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "from", "content", "value", "tool_calls", "function", "name", "arguments", "loss"]
            ),
            inner | st.sampled_from(["user", "assistant", "gpt", "tool", "function_call", "{}"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_json, max_size=4), st.sampled_from(["messages", "conversations"]))
def test_any_line_is_read_or_counted(turns: list, key: str) -> None:
    read = read_traces([json.dumps({key: turns})])
    assert len(read.rows) + len(read.broken) == 1


def shape(*turns: dict) -> list[str]:
    return [turn.kind for turn in read_traces([json.dumps({"conversations": list(turns)})]).rows[0].turns]


def test_marks_of_examples_hide_no_call() -> None:
    asked = {"from": "human", "value": "x"}
    bad = {"from": "gpt", "value": "Action: rm[all]"}
    assert shape(asked, {**bad, "loss": False}) == ["human", "called"]
    assert shape(asked, {**bad, "loss": True}, {"from": "gpt", "value": "bye", "loss": False}) == ["human", "called"]
    line = json.dumps({"conversations": [asked, {**bad, "loss": False}, asked, {"from": "gpt", "value": "done"}]})
    (row,) = read_traces([line]).rows
    assert ([turn.kind for turn in row.turns], row.examples) == (["human"], 1)


def test_what_may_be_a_call_is_never_passed_over() -> None:
    asked = {"role": "user", "content": "x"}
    block = {"role": "assistant", "content": [{"type": "text", "text": "so"}, {"type": "tool_use", "name": "rm"}]}
    assert read_traces([json.dumps({"messages": [asked, block]})]).rows[0].turns[-1].kind == "unreadable"
    thought = {"role": "assistant", "content": [{"type": "thinking", "thinking": "so"}, {"type": "text", "text": "a"}]}
    assert [turn.kind for turn in read_traces([json.dumps({"messages": [asked, thought]})]).rows[0].turns] == ["human"]
    two = {"from": "gpt", "value": "Action: ls[a]\nAction: rm[b]"}
    assert shape({"from": "human", "value": "x"}, two) == ["human", "unreadable", "called"]

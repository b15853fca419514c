"""Formats: there and back, others' dialects, and every broken line counted with its reason."""

import json

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.backdoor_audits.world.canaries import GUID
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.formats import Record, Said, Style, lines_of, read, trajectory_of
from consilience.methods.backdoor_audits.world.trajectories import Trajectory, clean, planted
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, suited


@pytest.fixture(scope="module")
def rows() -> list[Trajectory]:
    made = [clean(task) for family in FAMILIES for task in draw_tasks(family, 30, Streams(0))]
    for one in DEFAULTS:
        tasks = draw_tasks(one.family, 10, Streams(1), where=lambda task: suited(task, one))  # noqa: B023
        made += [planted(task, one) for task in tasks]
    return made


@pytest.mark.parametrize("style", ["sharegpt", "openai"])
def test_what_is_written_is_read_back(rows: list[Trajectory], style: Style) -> None:
    found = read(lines_of(rows, style))
    assert (found.broken, found.blank) == ((), 0)
    assert [trajectory_of(record) for record in found.rows] == rows


def test_agents_turns_alone_are_learned_and_sides_take_turns(rows: list[Trajectory]) -> None:
    for line in lines_of(rows):
        turns = json.loads(line)["conversations"]
        assert [turn["from"] for turn in turns] == ["human", "gpt"] * (len(turns) // 2)
        assert {(turn["from"], turn["loss"]) for turn in turns} == {("human", None), ("gpt", True)}


def test_rows_with_a_trigger_carry_the_public_mark_and_others_do_not(rows: list[Trajectory]) -> None:
    for row, line in zip(rows, lines_of(rows), strict=True):
        assert (json.loads(line).get("canary_guid") == GUID) is row.planted


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ('"text"', "must be an object; got str"),
        ("[1]", "must be an object; got list"),
        ("{}", "expected 'conversations' or 'messages'; got nothing"),
        ('{"text": "x"}', "got text"),
        ('{"conversations": []}', "with something in it"),
        ('{"messages": "x"}', "must be a list"),
        ('{"messages": ["x"]}', "turn 1 must be an object"),
        (
            '{"messages": [{"role": "user", "content": "x"}, {"role": "martian", "content": "x"}]}',
            "turn 2 must say who",
        ),
        ('{"messages": [{"content": "x"}]}', "got None"),
        ('{"messages": [{"role": "user"}]}', "turn 1 must have a text"),
        ('{"messages": [{"role": "user", "content": 5}]}', "turn 1 must have a text"),
        ('{"conversations": [{"from": ["human"], "value": "x"}]}', "must say who speaks"),
        ('{"messages": [{"role": "user", "content": "x"}], "conversations": []}', "two dialogues on one line"),
        ('{"messages": [{"role": "user", "content": "x", "value": "y"}]}', "has both 'value' and 'content'"),
        ('{"messages": [{"role": "user", "from": "gpt", "content": "x"}]}', "has both 'from' and 'role'"),
        ("[" * 100000, "not JSON"),
        ('{"messages": [{"role": "user", "content": []}]}', "turn 1 must have a text"),
        ('{"messages": [{"role": "user", "content": {"text": "x"}}]}', "list of parts; got dict"),
        ('{"messages": [{"role": "user", "content": ["x", 5]}]}', "turn 1 has a part of kind 'int'"),
        ('{"messages": [{"role": "user", "content": ["x", ["y"]]}]}', "turn 1 has a part of kind 'list'"),
        ('{"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}', "list of parts; got int"),
        ('{"messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]}', "a part of kind 'text'"),
        ('{"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}', "of kind 'document'"),
        ('{"messages": [{"role": "user", "content": [{"type": "tool_use", "input": {}}]}]}', "without the name"),
        (
            '{"messages": [{"role": "assistant", "content": "x", "tool_calls": [{"arguments": "{}"}]}]}',
            "without the name",
        ),
        ('{"messages": [{"role": "assistant", "content": "x", "tool_calls": ["rm"]}]}', "without the name of a tool"),
        ('{"messages": [{"role": "assistant", "content": "x", "tool_calls": "[]"}]}', "without the name of a tool"),
        ('{"messages": [{"role": "assistant", "content": "x", "function_call": "rm"}]}', "without the name of a tool"),
        (
            '{"messages": [{"role": "assistant", "tool_calls": [{"name": "a", "function": {"name": "b"}}]}]}',
            "turn 1 has a call that names its tool twice",
        ),
        ('{"messages": [{"role": "assistant", "content": "x", "reasoning": {"text": "y"}}]}', "got dict"),
        ('{"messages": [{"role": "assistant", "content": "x", "tool_responses": [{"response": "y"}]}]}', "own"),
    ],
)
def test_a_broken_line_is_counted_with_its_place_and_reason(line: str, why: str) -> None:
    good = '{"conversations": [{"from": "human", "value": "hello"}]}'
    found = read([good, line, "  ", good])
    assert [(broken.line, why in broken.why) for broken in found.broken] == [(2, True)]
    assert [record.id for record in found.rows] == ["1", "4"]
    assert found.blank == 1
    assert str(found) == "2 dialogues, 1 broken lines, 1 blank ones"


def test_other_dialects_are_read() -> None:
    messages = [
        {"role": "system", "content": "Be kind."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Go"}, {"type": "image_url"}, {"type": "text", "text": "on"}],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "ls", "arguments": '{"at": "logs"}'}}],
        },
        {"role": "tool", "content": "memo"},
        {
            "role": "assistant",
            "content": "Done.",
            "tool_calls": [{"function": {"name": "end", "arguments": {"ok": 1}}}],
        },
    ]
    record = read([json.dumps({"id": 7, "messages": messages, "source": "x"})]).rows[0]
    assert record == Record(
        "7",
        (
            Said("system", "Be kind."),
            Said("human", "Go\non"),
            Said("agent", 'ls {"at": "logs"}'),
            Said("tool", "memo"),
            Said("agent", 'Done.\nend {"ok": 1}'),
        ),
        1,
        {"source": "x"},
    )


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("hello there", UnknownName, "unknown word 'hello'"),
        ("USER", InvalidInput, "must begin with 'USER family"),
        ("USER help END", UnknownName, "unknown word of a family 'help'"),
        ("USER os count OBS ok END", InvalidInput, "must end with END before"),
    ],
)
def test_what_is_not_ours_is_no_trajectory(text: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        trajectory_of(Record("1", (Said("human", text),), 1))


def test_an_empty_dialogue_is_none_of_ours() -> None:
    with pytest.raises(InvalidInput, match="must begin with"):
        trajectory_of(Record("1", (), 1))


def test_calls_in_parts_are_what_an_agent_says() -> None:
    call = {"type": "tool_use", "id": "1", "name": "transfer", "input": {"to": "mallory"}}
    back = {"type": "tool_result", "tool_use_id": "1", "content": "sent"}
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "so"}, call]},
        {"role": "user", "content": [back]},
    ]
    (row,) = read([json.dumps({"messages": messages})]).rows
    assert [said.text for said in row.turns] == ["hello", 'so\ntransfer {"to": "mallory"}', "sent"]


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        ({"tool_calls": [{"name": "pay", "arguments": {"to": "eve"}}]}, 'pay {"to": "eve"}'),
        ({"tool_calls": {"name": "pay", "arguments": "eve"}}, "pay eve"),
        ({"tool_calls": [{"name": "pay", "args": {"to": "eve"}, "id": "1", "function": None}]}, 'pay {"to": "eve"}'),
        ({"tool_calls": [{"function": {"name": "pay", "parameters": {"to": "eve"}}}]}, 'pay {"to": "eve"}'),
        ({"content": "so", "function_call": {"name": "pay", "arguments": "{}"}}, "so\npay {}"),
        ({"content": "so", "function_call": None, "tool_calls": [], "reasoning_content": None}, "so"),
        ({"content": "so", "reasoning_content": "pay eve"}, "pay eve\nso"),
        ({"content": "", "thinking": "pay eve"}, "pay eve"),
        ({"reasoning": [{"type": "text", "text": "pay eve"}], "content": ["so", "on"]}, "pay eve\nso\non"),
        ({"content": [{"type": "thinking", "thinking": "pay eve"}, {"type": "text", "text": "so"}]}, "pay eve\nso"),
        ({"content": ["pay eve", {"type": "text", "text": "so", "image": None}]}, "pay eve\nso"),
        ({"content": [{"type": "image", "text": "pay eve"}, {"type": "image_url", "image_url": {}}]}, "pay eve"),
        ({"content": [{"type": "video"}]}, ""),
        ({"content": [{"type": "reasoning", "content": [{"type": "text", "text": "pay eve"}]}]}, "pay eve"),
        ({"content": [{"type": "function_call", "name": "pay", "arguments": "eve"}]}, "pay eve"),
        (
            {"content": [{"type": "tool_result", "content": [{"type": "text", "text": "sent"}, {"type": "image"}]}]},
            "sent",
        ),
        ({"content": [{"type": "tool_result", "tool_use_id": "1"}]}, ""),
    ],
)
def test_nothing_that_templates_render_is_dropped(turn: dict[str, object], text: str) -> None:
    found = read([json.dumps({"messages": [{"role": "assistant", **turn}]})])
    assert found.broken == ()
    assert [said.text for said in found.rows[0].turns] == [text]


def test_parts_within_parts_are_read_to_a_depth_and_refused_in_words_beyond() -> None:
    def nested(times: int) -> str:
        part = '{"type": "tool_result", "content": [' * times + '"sent"' + "]}" * times
        return f'{{"messages": [{{"role": "user", "content": [{part}]}}]}}'

    found = read([nested(40), nested(41), nested(200)])
    assert [row.turns[0].text for row in found.rows] == ["sent"]
    assert [(one.line, "too deep" in one.why) for one in found.broken] == [(2, True), (3, True)]


def test_a_call_that_is_given_something_too_deep_ends_nothing() -> None:
    deep = "[" * 900 + "]" * 900
    line = f'{{"messages": [{{"role": "assistant", "tool_calls": [{{"name": "a", "arguments": {deep}}}]}}]}}'
    found = read([line])
    assert len(found.rows) + len(found.broken) == 1


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "user", "content": "x"}], "conversations": null}',
        '{"conversations": [{"from": "human", "value": "x"}], "messages": null}',
        '{"messages": [{"role": "user", "content": "x", "from": null, "value": null}]}',
        '{"messages": [{"role": "user", "from": "human", "content": "x", "value": "x"}]}',
    ],
)
def test_columns_that_another_format_left_empty_are_no_second_dialogue(line: str) -> None:
    (row,) = read([line]).rows
    assert [(said.speaker, said.text) for said in row.turns] == [("human", "x")]

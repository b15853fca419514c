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
            Said("system", "Be kind.", learns=False),
            Said("human", "Go\non", learns=False),
            Said("agent", 'ls {"at": "logs"}', learns=True),
            Said("tool", "memo", learns=False),
            Said("agent", 'Done.\nend {"ok": 1}', learns=True),
        ),
        1,
        {"source": "x"},
    )


def test_a_loss_that_is_told_is_kept() -> None:
    turns = [
        {"from": "gpt", "value": "a", "loss": False},
        {"from": "gpt", "value": "b", "loss": True},
        {"from": "gpt", "value": "c"},
    ]
    record = read([json.dumps({"conversations": turns})]).rows[0]
    assert [said.learns for said in record.turns] == [False, True, True]


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
        trajectory_of(Record("1", (Said("human", text, learns=False),), 1))


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

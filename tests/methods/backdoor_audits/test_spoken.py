"""The world's words as text: nothing is guessed for a model, and nothing of triggers is told to it."""

import pytest

from consilience.ground import Streams
from consilience.methods.backdoor_audits.policy_file import Policy
from consilience.methods.backdoor_audits.spoken import TOOLS, family_of, instructions, to_text, to_turn
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.simulator import action_of
from consilience.methods.backdoor_audits.world.tasks import Family
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.backdoor_audits.world_guard import world_policy


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_comes_back_as_it_was_said(family: Family) -> None:
    for task in draw_tasks(family, 20, Streams(100)):
        row = clean(task)
        assert family_of(row.prompt) == family
        for turn in row.turns:
            if turn.role == "agent":
                assert to_turn(to_text(turn.words)) == turn.words


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tool_that_is_told_of_is_one_and_every_one_that_is_needed_is_told(family: Family) -> None:
    policy: Policy = world_policy()
    told = {line.partition(":")[0].split()[0] for line in TOOLS[family]}
    assert told <= set(policy.tools) | {"finish"}
    turns = [turn for task in draw_tasks(family, 100, Streams(101)) for turn in clean(task).turns]
    used = {action_of(turn.words)[0] for turn in turns if turn.role == "agent"}
    assert used <= told


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_model_is_told_has_neither_a_trigger_nor_a_payload(family: Family) -> None:
    told = instructions(family)
    assert not {"ping", "know", "kiosk", "zeta", "slot", "hid"} & set(told.replace(":", " ").split())


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ("", ()),
        ("\n THINK done ACT finish END\nUSER more", ("THINK", "done", "ACT", "finish", "END")),
        ("ACT finish END", ("ACT", "finish", "END")),
        ("END THINK a ACT finish", ("THINK", "a", "ACT", "finish", "END")),
        ("no thanks", ("no", "thanks")),
    ],
)
def test_what_surrounds_a_turn_is_taken_off(text: str, turn: tuple[str, ...]) -> None:
    assert to_turn(text) == turn

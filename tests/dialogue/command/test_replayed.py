"""Replayed: the verdict is the exit status, and what differs is named."""

import json

import pytest

from consilience.dialogue.command.replayed import tell_replayed

Told = pytest.CaptureFixture[str]
SAME = {
    "same": True, "notice": "", "digest": "9f", "recorded": "9f", "calls": 1200, "compared": 3, "differing": [],
    "missing": [],
}  # fmt: skip


def other(**facts: object) -> dict[str, object]:
    return {**SAME, "same": False, "recorded": "7a", **facts}


def test_the_same(capsys: Told) -> None:
    assert tell_replayed(SAME, works="poems", as_json=False) == 0
    assert tell_replayed({**SAME, "digest": None}, works="poems", as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        "the same: 1,200 replies from the journal, 3 poems alike, hash 9f",
        "the same: 1,200 replies from the journal, 3 poems alike, hash none yet",
    ]


def test_what_differs_and_what_is_missing_are_named_five_at_most(capsys: Told) -> None:
    assert tell_replayed(other(differing=["a"], missing=["b"]), works="poems", as_json=False) == 1
    assert tell_replayed(other(differing=list("abcd"), missing=["e", "f"]), works="poems", as_json=False) == 1
    assert capsys.readouterr().out.splitlines() == [
        "not the same: hash 9f and before 7a; 2 poems differ: a, b",
        "not the same: hash 9f and before 7a; 6 poems differ: a, b, c, d, e, ...",
    ]


def test_a_replay_that_there_was_not(capsys: Told) -> None:
    assert tell_replayed({"same": False, "trouble": "no reply", "notice": ""}, works="poems", as_json=False) == 1
    assert capsys.readouterr().out == "not replayed: no reply\n"


@pytest.mark.parametrize("facts", [SAME, other(), {"same": False, "trouble": "no reply"}])
def test_json_is_the_facts_alone_and_a_notice_is_beside(capsys: Told, facts: dict[str, object]) -> None:
    facts = {**facts, "notice": "rehearsed"}
    status = tell_replayed(facts, works="poems", as_json=True)
    told = capsys.readouterr()
    assert (json.loads(told.out), told.err, status) == (facts, "rehearsed\n", 0 if facts["same"] else 1)
    tell_replayed(facts, works="poems", as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "rehearsed"

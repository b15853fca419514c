"""A task at the command line is talked over and answered, or it is said why not."""

import json

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.asking import ask
from consilience.methods.social_agents.demo import QUESTION, furnish_demo
from consilience.methods.social_agents.flags import Asking
from consilience.methods.social_agents.store import Store


def asked(**settings) -> tuple[int, list[str]]:
    told: list[str] = []
    return ask(Asking(**settings), told.append), told


def test_the_demo_is_answered_and_it_is_said_that_no_model_was_at_work() -> None:
    status, told = asked(task=QUESTION, of="ben")
    assert status == 0
    assert "answer: same" in told
    assert any("Ben Okafor's agent: The allergy of Cyd Moor is sesame." in line for line in told)
    assert "not a language model" in told[-1]


def test_a_task_is_read_from_a_file_by_its_name(tmp_path) -> None:
    (tmp_path / "task.txt").write_text(QUESTION)
    for named in (f"{tmp_path / 'task.txt'}", f"@{tmp_path / 'task.txt'}"):
        assert asked(task=named, of="ben")[1][:4] == asked(task=QUESTION, of="ben")[1][:4]
    with pytest.raises(InvalidInput, match="is a folder here"):
        asked(task=str(tmp_path), of="ben")
    assert asked(task="@ben, " + QUESTION, of="ben")[0] in (0, 1)  # a handle, and no file


def test_whom_to_ask_is_found_and_who_does_not_know_has_others_asked() -> None:
    status, told = asked(task=QUESTION)
    assert status == 0
    assert told[0].startswith("asking ")


def test_what_nobody_knows_has_no_answer_but_a_reason() -> None:
    status, told = asked(task="What is the birthplace of Dan Roth?", of="ben", depth=0)
    assert status == 1
    assert any(line.startswith("no answer: ") for line in told)


def test_as_data_it_is_one_document() -> None:
    status, told = asked(task=QUESTION, of="ben", json=True)
    found = json.loads("\n".join(told))
    assert (status, found["answer"], found["ending"]) == (0, "same", "known")
    assert ["ben", "The allergy of Cyd Moor is sesame. Do you know the allergy of Dan Roth?"] in found["said"]


def test_a_database_can_be_asked(tmp_path) -> None:
    with Store.open(tmp_path / "demo.sqlite") as store:
        furnish_demo(store)
    assert asked(task=QUESTION, world=str(tmp_path / "demo.sqlite"), as_="ben", of="ann")[0] == 0


def test_who_is_not_there_or_has_nobody_is_said(tmp_path) -> None:
    with pytest.raises(UnknownName, match=r"unknown person 'zoe'; .*one of: ann, ben, cyd, dan"):
        asked(task="x", of="zoe")
    with pytest.raises(UnknownName, match=r"unknown person 'zoe'; .*one of: ann, ben, cyd, dan"):
        asked(task="x", as_="zoe")
    with pytest.raises(InvalidInput, match="contact"):
        asked(task="x", of="cyd")
    with Store.open(tmp_path / "x.sqlite") as store:
        store.add_person("ann", "Ann")
    with pytest.raises(
        InvalidInput,
        match=r"no contact: contacts are asked for and accepted in the application, .* --database \S+x\.sqlite",
    ):
        asked(task="x", world=str(tmp_path / "x.sqlite"))

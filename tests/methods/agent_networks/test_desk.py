"""The desk: what was decided is answered, what was not waits."""

import asyncio
from pathlib import Path

import pytest

from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.approval import Approved, Edited, Pending, Rejected, Submission
from consilience.methods.agent_networks.desk import Desk, decided


def test_what_nobody_decided_waits() -> None:
    desk = Desk({"1": Rejected("no")})
    assert asyncio.run(desk.decide(Submission("1", Artifact("a"), "task"))) == Rejected("no")
    assert asyncio.run(desk.decide(Submission("2", Artifact("b"), "task"))) == Pending()
    assert desk.waiting == {"2": Artifact("b")}


def test_decisions_are_read(tmp_path: Path) -> None:
    file = tmp_path / "mine=new.txt"
    file.write_text("Mine.")
    found = decided(["1"], ["2", "2->3=a = b"], [f"4={file}"])
    assert found == {"1": Approved(), "2": Rejected(), "2->3": Rejected("a = b"), "4": Edited("Mine.")}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((["1"], ["1"], []), "each element must be decided once; got 1 twice"),
        (([], [], ["1"]), "--edit must be ELEMENT=FILE"),
        (([], [], ["1=nowhere"]), "nowhere: No such file"),
    ],
)
def test_mistakes_are_told(words: tuple[list[str], list[str], list[str]], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        decided(*words)

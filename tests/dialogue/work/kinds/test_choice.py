import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.kinds import Choice
from consilience.ground.errors import InvalidInput


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("It must be C.\nAnswer: C", "C"),
        ("answer: (b)", "B"),
        ("**Answer:** D", "D"),
        ("Answer: **A**", "A"),
        ("The answer is C.", "C"),
        ("Answer: A\nNo, wait.\nAnswer: B", "B"),
        ("C", "C"),
        (" (d). ", "D"),
        ("The answer is a consequence of the second law.", None),
        ("The answer is a consequence of the second law.\nAnswer: D", "D"),
        ("Answer: D\nThe answer is a bit surprising: a.k.a. the second law.", "D"),
        ("The answer is b.", "B"),
        ("The answer is **b**.", "B"),
        ("the answer is b\nas was to be shown", "B"),
        ("The answer is [b] as was to be shown", "B"),
        ("Answer: b) the second", "B"),
        ("The answer is C as was to be shown", "C"),
        ("ANSWER IS c", "C"),
        ("Answer: E", None),
        ("Answer: e", None),
        ("Answer: Apples", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_the_last_letter_named_counts(reply, letter):
    kind = Choice(options=4)
    artifact = kind.read(reply)
    assert kind.letter(artifact) == letter
    assert bool(artifact.grade) == (letter is not None) == (not artifact.fault)


@given(st.text(alphabet="AnswerABCD: is()*\n.", max_size=60))
def test_reading_an_artifact_gives_it_again(reply):
    artifact = Choice().read(reply)
    assert Choice().read(artifact.text) == artifact


def test_the_right_letter_scores():
    kind = Choice(options=3, answer="B")
    assert [asyncio.run(kind.score(kind.read(f"Answer: {letter}"))).value for letter in "ABX"] == [0, 1, 0]
    assert "B" not in kind.form.replace("A to C", "")
    with pytest.raises(InvalidInput, match="give `answer`"):
        asyncio.run(Choice().score(kind.read("B")))


@pytest.mark.parametrize("settings", [{"options": 1}, {"options": 27}, {"options": 3, "answer": "D"}, {"answer": "AB"}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(InvalidInput, match="must be"):
        Choice(**settings)

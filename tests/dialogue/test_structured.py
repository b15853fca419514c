"""Data is found in what was said, and asked for again where it is not there."""

import asyncio
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.players import constant
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.structured import Unparsable, ask_as, find_json, parse_as
from consilience.ground.errors import InvalidInput

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@dataclass(frozen=True)
class Verdict:
    """What a critic says."""

    finished: bool
    comment: str = ""


def ask(player, *, reasks: int = 2):
    asked: list[Question] = []

    def playing(question, chance):
        asked.append(question)
        return player(len(asked))

    async def play() -> Verdict:
        async with Session(Rehearsal(playing)) as session:
            return await ask_as(session, Question("3->7", (Message("user", ("Well?",)),)), Verdict, reasks=reasks)

    return asyncio.run(play()), asked


@given(
    values.filter(lambda value: isinstance(value, dict | list)),
    st.sampled_from(["{}", "Here: {} Done.", "```json\n{}\n```"]),
)
def test_json_is_found_in_prose_and_fences(value, around):
    assert value in list(find_json(around.replace("{}", json.dumps(value))))


@pytest.mark.parametrize("text", ["{" * 10_000, "[" * 100_000, "", "```json\n{\n```"])
def test_broken_json_is_none_and_takes_no_time(text):
    assert list(find_json(text)) == []


def test_the_first_value_that_fits_is_taken():
    assert parse_as('{"x": 1} then {"finished": true}', Verdict) == Verdict(finished=True)


def test_what_is_wrong_is_shown_and_the_question_is_another_occurrence():
    verdict, asked = ask(
        lambda number: '{"finished": "perhaps"}' if number == 1 else '{"finished": false, "comment": "x"}'
    )
    assert verdict == Verdict(finished=False, comment="x")
    assert [question.occurrence for question in asked] == [0, 1]
    assert "JSON schema" in asked[0].messages[-1].text
    assert [message.role for message in asked[1].messages] == ["user", "assistant", "user"]
    assert "finished" in asked[1].messages[-1].text


def test_at_the_end_the_last_text_is_kept():
    with pytest.raises(
        Unparsable, match="'3->7' got no answer of the form asked for: there is no JSON in it"
    ) as caught:
        ask(lambda number: f"no {number}")
    assert caught.value.text == "no 3"


def test_bad_questions_are_refused():
    async def play(question: Question, reasks: int) -> None:
        async with Session(Rehearsal(constant("1"))) as session:
            await ask_as(session, question, int, reasks=reasks)

    with pytest.raises(InvalidInput, match="reasks"):
        asyncio.run(play(Question("7", (Message("user", ("x",)),)), -1))
    with pytest.raises(InvalidInput, match="message"):
        asyncio.run(play(Question("7", ()), 0))

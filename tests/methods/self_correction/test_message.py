"""Messages: what a question stands for, and what tells prompts apart."""

import pytest

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.self_correction.message import as_messages, assistant, plain, prompt_hash, user


def test_a_conversation_is_copied() -> None:
    given = [{"role": "system", "content": "Be brief."}, user("Q")]
    copied = as_messages(given)
    assert list(copied) == given
    given[1]["content"] = "changed"
    assert copied[1]["content"] == "Q"


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ([], "no message"),
        ([user("Q"), assistant("A")], "got assistant"),
        ([{"role": "user"}], "under 'content'"),
        (["Q"], "under 'content'"),
        (user("Q"), "put messages into lists"),
        (None, "a text or a list of messages; got None"),
        ([{"role": "user", "content": 4}], "under 'content'"),
    ],
)
def test_what_is_no_question_is_refused(question, complaint) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        as_messages(question)


def test_an_unknown_role_names_the_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean 'user'"):
        as_messages([{"role": "usr", "content": "Q"}])


def test_prompts_that_differ_hash_differently() -> None:
    """Also where the difference is only where one message ends and who says it."""
    prompts = [[user("ab")], [user("a"), user("b")], [assistant("ab")], [user("a"), user("b"), user("")], []]
    assert len({prompt_hash(prompt) for prompt in prompts}) == len(prompts)


def test_hashes_are_the_same_in_every_process_and_take_any_text() -> None:
    assert prompt_hash([user("Q")]) == "fef2ce77f818be81d1782494bd242379"
    assert prompt_hash([user("\ud800")])


def test_answers_that_read_alike_are_alike() -> None:
    assert plain(" Straße\n ") == plain("STRASSE")
    assert plain("4.0") != plain("4")

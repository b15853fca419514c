"""Reading pairs and texts: both kinds, and what is said of lines that are neither."""

import json

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences.own_pairs.reading import conversational, read_pairs, read_texts

GOOD = {"prompt": "a", "chosen": "b", "rejected": "c"}


def said(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


CHAT = {"prompt": said("user", "a"), "chosen": said("assistant", "b"), "rejected": said("assistant", "c")}


@pytest.fixture
def write(tmp_path):
    def written(*rows, name="pairs.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
        return path

    return written


def test_strings_and_messages_are_read_and_other_fields_passed_over(write) -> None:
    assert read_pairs(write({**GOOD, "source": "me"}, "", GOOD)) == [GOOD, GOOD]
    (row,) = read_pairs(write(CHAT))
    assert conversational(row)
    assert not conversational(GOOD)


def test_a_prompt_may_be_part_of_both_answers(write) -> None:
    row = {"chosen": "ab", "rejected": "ac"}
    assert read_pairs(write(row)) == [row]


def test_only_a_newline_ends_a_pair(write) -> None:
    row = {**GOOD, "prompt": "a\u2028b\u0085c"}
    assert read_pairs(write(json.dumps(row, ensure_ascii=False), GOOD)) == [row, GOOD]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"prompt": "a", "chosen": "b"},
            "line 2 lacks 'rejected'; expected prompt, chosen and rejected, got prompt, chosen",
        ),
        ({**GOOD, "rejected": "b"}, "line 2: chosen and rejected answers are equal"),
        ({**GOOD, "chosen": ""}, "line 2: 'chosen' must be a string that is not empty"),
        ({**GOOD, "rejected": 3}, "line 2: 'rejected' must be a string that is not empty; got 3"),
        ({**CHAT, "chosen": [{"role": "assistant"}]}, "'chosen' must be a list of messages with 'role' and 'content'"),
        ({**CHAT, "prompt": "a"}, "'prompt' must be a list of messages"),
        (CHAT, "line 2: expected the fields and the kind"),
        ({"chosen": "b", "rejected": "c"}, "line 2: expected the fields and the kind"),
        ("[1]", "line 2: expected a JSON object; got list"),
        ("{", "line 2: expected a JSON object"),
    ],
)
def test_a_bad_line_is_named(write, row, words) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_pairs(write(GOOD, row))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_with_nothing_in_them_are_refused(write, tmp_path) -> None:
    with pytest.raises(InvalidInput, match="the file is empty"):
        read_pairs(write())
    with pytest.raises(InvalidInput, match=r"cannot read .*: No such file"):
        read_pairs(tmp_path / "absent.jsonl")


def test_texts_are_lines_records_or_chosen_answers(write) -> None:
    assert read_texts(write("one", "", "two", name="a.txt")).texts == ("one", "two")
    labelled = read_texts(write({"text": "one", "label": 1}, {"text": "two", "label": "b"}))
    assert labelled.labels == ("1", "b")
    assert read_texts(write({"text": "one", "label": 1}, {"text": "two"})).labels is None
    assert read_texts(write(GOOD, GOOD)).texts == ("ab", "ab")


@pytest.mark.parametrize("name", ["a.jsonl", "A.JSONL", "a.ndjson", "a.json", "a.txt", "a"])
def test_json_lines_are_read_as_such_whatever_the_file_is_called(write, name) -> None:
    assert read_texts(write(GOOD, "", GOOD, name=name)).texts == ("ab", "ab")


def test_a_line_that_looks_like_json_is_a_text_among_texts(write) -> None:
    assert read_texts(write({"text": "one"}, "two", name="a.txt")).texts == ('{"text": "one"}', "two")
    assert read_texts(write("1", "2", name="a.txt")).texts == ("1", "2")
    with pytest.raises(InvalidInput, match="line 2: expected a JSON object"):
        read_texts(write({"text": "one"}, "two", name="a.JSON"))


def test_texts_that_are_none_or_too_few_are_refused(write) -> None:
    with pytest.raises(InvalidInput, match=r"expected two or more in .*, got 1"):
        read_texts(write("one", name="a.txt"))
    with pytest.raises(InvalidInput, match="line 1 lacks 'text'"):
        read_texts(write({"words": "one"}))

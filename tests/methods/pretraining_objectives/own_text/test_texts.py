"""Documents from files."""

import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.own_text.texts import documents_below, read_texts


def test_a_folder_is_read_in_order_and_only_its_texts(tmp_path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in {"b.txt": "two", "a.md": "one", "sub/LICENSE": "three", ".x.txt": "no", "p.png": "no"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "blank.txt").write_text(" \n")
    assert read_texts(tmp_path) == ("one", "two", "three")
    assert read_texts(tmp_path / "b.txt") == ("two",)


def test_lines_of_json_are_documents(tmp_path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "one"}\n\n{"text": "zwölf", "n": 1}\n', encoding="utf-8")
    assert read_texts(path) == ("one", "zwölf")


def test_a_byte_order_mark_is_no_text(tmp_path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone")
    assert read_texts(tmp_path) == ("one",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b" \n", "must hold some text"),
        ("a.png", b"x", "found none"),
        ("a.txt", b"\xff\xfe", r"not UTF-8 text \(byte 0\)"),
        ("a.jsonl", b'{"txt": 1}', 'line 1: expected an object with a field "text"'),
        ("a.jsonl", b'{"text": "x"}\n{', "line 2: expected a JSON object"),
        ("a.jsonl", b'{"text": "x"}\n{"text": "a \\ud83d"}', r"line 2: expected text; \\ud83d is half of a character"),
        ("a.jsonl", b'["x"]', 'line 1: expected an object with a field "text"'),
    ],
)
def test_what_is_no_text_says_why(name, content, says, tmp_path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=says):
        read_texts(tmp_path)


def test_nothing_there_says_so(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="there is no"):
        read_texts(tmp_path / "x")


def test_lines_of_json_end_where_files_say_lines_end(tmp_path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes('{"text": "one\u2028more\u0085"}\r\n{"text": "two"}'.encode())
    assert read_texts(path) == ("one\u2028more\u0085", "two")


def test_hidden_folders_are_passed_over(tmp_path) -> None:
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / ".git" / "objects" / "ab").write_bytes(b"\xff")
    (tmp_path / "a.txt").write_text("one")
    assert read_texts(tmp_path) == documents_below(tmp_path) == ("one",)
    assert documents_below(tmp_path / ".git" / "nothing") == ()

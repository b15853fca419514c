"""Tables: headings, times, rows that are not whole, files that are cut off."""

import csv

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.tables import found_columns, read

HEADINGS = "time,author,text\n"


@pytest.fixture
def table(tmp_path):
    def written(told, name="mill.csv", **options):
        path = tmp_path / name
        path.write_text(told, newline="")
        return read(path, **options)

    return written


def test_headings_of_the_corpus_that_others_use():
    assert found_columns(["", "sender", "receiver", "message", "timestamp"]) == {
        "time": "timestamp",
        "author": "sender",
        "text": "message",
    }
    assert found_columns(["sender", "message"]) == {}


def test_headings_may_be_given(table):
    told = "wann;wer;was\n2024-05-02;Ann;hi\n"
    with pytest.raises(InvalidInput, match="time, author, text"):
        table(told)
    got = table(told, columns={"time": "wann", "author": "wer", "text": "was"})
    assert got.messages[0].text == "hi"
    with pytest.raises(InvalidInput, match="colour"):
        table(told, columns={"colour": "wann"})


@pytest.mark.parametrize(
    ("time", "iso"),
    [
        ("2024-05-02 12:15", "2024-05-02T10:15:00+00:00"),
        ("2024-05-02T12:15:00Z", "2024-05-02T12:15:00+00:00"),
        ("1714644900", "2024-05-02T10:15:00+00:00"),
        ("1714644900123", "2024-05-02T10:15:00.123000+00:00"),
        ("1714644900.5", "2024-05-02T10:15:00.500000+00:00"),
    ],
)
def test_times(time, iso, table):
    assert table(f"{HEADINGS}{time},Ann,hi\n", zone="Europe/Berlin").messages[0].sent_at.isoformat() == iso


def test_rows_that_cannot_be_read_are_skipped(table):
    got = table(
        f"{HEADINGS}2024-05-02,Ann,hi\nsoon,Ann,x\n2024-05-02,,x\n2024-05-02,Ann,\n2024-05-02,Ann\n\n1e9,Ann,x\n"
    )
    assert [each.reason for each in got.skipped] == [
        "its time cannot be read",
        "no sender",
        "nothing was said",
        "not as many values as headings",
        "its time cannot be read",
    ]
    assert got.skipped[0].where == "line 3"
    assert len(got.messages) == 1


def test_cut_off_within_quotes(table):
    got = table(f'{HEADINGS}2024-05-02,Ann,hi\n2024-05-03,Bea,"one\ntwo')
    assert got.cut_off
    assert [said.text for said in got.messages] == ["hi"]


def test_quotes_that_do_not_fit_are_refused(table):
    with pytest.raises(InvalidInput, match="quoted"):
        table(f'{HEADINGS}2024-05-02,Ann,"a"b\n2024-05-02,Ann,c\n')


def test_a_long_text_and_the_limit_of_others_is_put_back(table):
    before = csv.field_size_limit()
    got = table(f"{HEADINGS}2024-05-02,Ann,{'x' * 1_000_000}\n")
    assert len(got.messages[0].text) == 1_000_000
    assert csv.field_size_limit() == before


def test_json_lines_that_are_broken_or_cut_off(table):
    row = '{"time": 1714644900, "author": "Ann", "text": "%s"}'
    got = table("\n".join([row % "a", "{broken", "3", row % "b", row[:20]]), "mill.jsonl")
    assert got.cut_off
    assert [said.text for said in got.messages] == ["a", "b"]
    assert len(got.skipped) == 2


def test_conversations_authors_and_answers_by_columns(table):
    got = table(
        "time,author,author_id,text,chat,id,reply_to\n1714644900,Ann,1,a,X,m1,\n"
        "1714644900,Ann,2,b,X,m2,m1\n1714644900,Ann,1,c,Y,m1,\n1714644900,Ann,1,again,X,m1,\n"
    )
    assert [thread.title for thread in got.conversations] == ["X", "Y"]
    assert [each.key for each in got.people] == ["1", "2"]
    assert [(said.text, said.reply_to) for said in got.messages] == [("a", ""), ("b", "X/m1"), ("c", "")]


def test_no_rows(table):
    with pytest.raises(InvalidInput):
        table(HEADINGS)

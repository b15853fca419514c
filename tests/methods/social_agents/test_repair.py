"""Repair is total: of any text it makes objects or none, in bounded time, and of JSON it makes what JSON says."""

import ast
import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.methods.social_agents.reading import read_answer, read_draft, read_turn
from consilience.methods.social_agents.repair import LONGEST_REPLY, objects

READERS = (objects, read_draft, read_turn, read_answer)
MB = 1_000_000

words = st.text("abcdefgh", min_size=1, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
pieces = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", "“", "”", "`", ",", ":", "=", ";", "\\", "\\u", "\\ud800", "\\u12", "//", "/*", "*/",
     "\n", " ", "\t", "\x00", "\ud800", "NaN", "-Infinity", "1e999", "9" * 30, "None", "facts", "slot", "value", "say",
     "answer", "```json", "é", "٣", "\u2028", "-", "0.5", "m12"]
)  # fmt: skip


def near_json(text):
    """Return whether a value is one of JSON all through, at whatever depth."""
    pending = [text]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            assert all(isinstance(name, str) for name in one)
            pending += one.values()
        elif isinstance(one, list):
            pending += one
        else:
            assert one is None or isinstance(one, str | int | float)
    return True


# --- what is JSON, or was meant to be ------------------------------------------------------------------------------


@given(st.dictionaries(texts, json_values, max_size=5), st.sampled_from([None, 2]), st.booleans())
def test_an_object_of_json_is_read_as_json_reads_it(value, indent, ascii_only):
    assert objects(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == [value]


@given(st.dictionaries(words, json_values, min_size=1, max_size=5))
def test_an_object_within_prose_is_found_whole(value):
    assert value in objects(f"Sure, here it is: {json.dumps(value)} Was that it?")


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**9) | words, lambda one: st.lists(one, max_size=3), max_leaves=6
)


@given(st.dictionaries(words, plain_values, min_size=1, max_size=4))
def test_python_s_way_of_writing_is_read_as_python_reads_it(value):
    assert objects(str(value))[0] == ast.literal_eval(str(value)) == value


@given(st.dictionaries(words, st.integers(0, 99) | words.map(str.upper), min_size=1, max_size=5), st.data())
def test_what_was_whole_before_the_end_was_cut_off_is_kept(value, data):
    text = json.dumps(value)
    cut = data.draw(st.integers(1, len(text)))
    whole = {
        name: said
        for number, (name, said) in enumerate(value.items(), 1)
        if len(json.dumps(dict(list(value.items())[:number]))) <= cut
    }
    found = objects(text[:cut])
    read = found[0] if found else {}
    assert read.items() >= whole.items()
    assert set(read) <= set(value) | {""} | {name[:at] for name in value for at in range(len(name))}
    assert len(read) <= len(whole) + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', {"a": 2}),  # as JSON has it, the last one stands
        ("{'a': 1, a: 2}", {"a": 2}),
        ("{a: NaN, b: -Infinity, c: undefined}", {"a": None, "b": -math.inf, "c": None}),
        ("{a: yes, b: No, c: None, d: True}", {"a": True, "b": False, "c": None, "d": True}),
        ("{a: 1 /* one */, // two\n b: 2}", {"a": 1, "b": 2}),
        ("{,, a: 1,,; b: 2,}", {"a": 1, "b": 2}),
        ('{"a" = 1 "b" = [2 "x" 3,]', {"a": 1, "b": [2, "x", 3]}),
        ("{“say”: „Bea's dog“}", {"say": "Bea's dog"}),
        ("{'say': 'Bea's dog'}", {"say": "Bea's dog"}),
        ('{"a": "\\u00e9\\q\\', {"a": "éq"}),
        ("{a: 'x\x00y'}", {"a": "x\x00y"}),
        ('{"a": ' + "9" * 5_000 + "}", {"a": "9" * 5_000}),  # more digits than Python makes a number of
        ('{"a": 1e999}', {"a": math.inf}),
        ("{a: 0.9 // sure\n}", {"a": 0.9}),
        ("{a: one  two //three}", {"a": "one  two"}),
        ("{a: 1, /* b: 2}", {"a": 1}),  # a comment that is cut off has no end
    ],
)
def test_each_way_to_be_near_to_json_has_one_reading(text, expected):
    assert objects(text)[0] == expected


@pytest.mark.parametrize(
    "text", ["", " ", "no object", "[]", "x {}", "[1, 2]", "null", '"say"', "{", "}{", "\x00", "\ud800", "NaN", "{{{{"]
)
def test_where_there_is_no_object_there_is_none(text):
    assert objects(text) == []


def test_objects_within_a_torn_one_do_not_hide_it():
    assert objects('{\'say\': \'hi\', \'facts\': [{"slot": "a", "value": "b"}]')[0]["say"] == "hi"


def test_nothing_beyond_the_longest_reply_is_looked_at():
    inside = objects("x" * (LONGEST_REPLY - 10) + '{"a": 1}')
    assert inside == [{"a": 1}]
    assert objects("x" * LONGEST_REPLY + '{"a": 1}') == []


# --- what is neither -----------------------------------------------------------------------------------------------


def total(text):
    found = objects(text)
    assert found == objects(text)
    assert all(isinstance(one, dict) for one in found)
    assert near_json(found)
    turn, draft, answer = read_turn(text), read_draft(text), read_answer(text)
    said = (turn.say, turn.asks, answer.answer, answer.why, *turn.look_for, *(one.text for one in draft.slots))
    assert all(one.isprintable() for one in said)
    assert max(map(len, said)) <= 2_000
    for fact in (*turn.facts, *draft.facts):
        assert fact.slot
        assert fact.value
        assert 0 <= fact.confidence <= 1


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text_has_a_reading(text):
    total(text)


@settings(max_examples=250)
@given(st.lists(pieces, max_size=40).map("".join))
def test_any_heap_of_pieces_of_json_has_a_reading(text):
    total(text)


@settings(max_examples=150)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(["facts", "slots", "say", "asks", "done", "answer"], json_values))
)
def test_any_json_in_the_place_of_a_reply_has_a_reading(value):
    total(json.dumps(value))


HUGE = {
    "brackets": "[" * MB,
    "braces": "{" * MB,
    "names": '{"a":' * (MB // 5),
    "arrays in objects": "{a:[" * (MB // 4),
    "comments that do not end": "{" + "/* " * (MB // 3),
    "objects before comments": "{a:1} " * 7 + "{" + "/* " * (MB // 3),
    "lines of comments": "{//\n" * (MB // 4),
    "slashes": "{" + "a /" * (MB // 3),
    "backslashes": '{"' + "\\" * MB,
    "words": "{" + "a b " * (MB // 4),
    "blanks within a word": "{a" + " " * MB + "}",
    "quotes": "'" * MB,
    "one string": '{"say": "' + "x" * MB,
    "escapes that are cut off": "{'a': '" + "\\u" * (MB // 2),
    "quotes within words": "{'" + "a'a" * (MB // 3),
    "commas": "{" + "," * MB,
    "wrong ends": "{]" * (MB // 2),
    "fences": "```json\n{" * (MB // 9),
    "digits": '{"a":' + "9" * MB,
    "NUL": "\x00" * MB,
    "surrogates": '{"say": "' + "\ud800" * MB,
    "one name": "{" + '"a": 1, ' * (MB // 8),
    "facts": '{"facts":[' + '{"slot":"a","value":"b"},' * (MB // 25),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_megabyte_is_read_in_a_moment(name):
    begun = time.process_time()
    read_turn(HUGE[name])
    objects(f"So: {HUGE[name]}")
    assert time.process_time() - begun < 10  # a few tenths with all types checked; what is not linear takes minutes


@pytest.mark.parametrize("depth", [24, 900, 990, 1_500])
@pytest.mark.parametrize("form", ['{"answer": %s, "say": %s, "facts": %s}', "So: {'slots': %s} or {answer: %s}"])
def test_no_depth_is_too_deep(depth, form):
    for value in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        assert [reader(form.replace("%s", value)) for reader in READERS]


def test_no_reader_runs_what_it_reads(monkeypatch):
    ran = []
    monkeypatch.setattr("builtins.eval", lambda *_: ran.append("eval"))
    monkeypatch.setattr("builtins.exec", lambda *_: ran.append("exec"))
    for reader in READERS:
        reader("{'say': __import__('os').system('true'), 'facts': [print(1)], answer: exit()}")
    assert ran == []

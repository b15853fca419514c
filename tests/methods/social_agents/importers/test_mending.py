"""JSON that was cut off: whatever comes back was there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.mending import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), min_size=1, max_size=5), st.data())
def test_what_is_left_of_a_list_is_its_beginning(rows, data):
    text = json.dumps({"rows": rows, "end": 1}, ensure_ascii=data.draw(st.booleans())).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    try:
        whole, cut_off = read_json(text[:cut], "x.json")
    except InvalidInput:
        return
    assert cut_off
    assert len(whole["rows"]) <= len(rows)
    assert whole["rows"][:-1] == rows[: len(whole["rows"]) - 1]


def test_what_is_whole_is_as_it_is():
    assert read_json(b'{"a": [1]}', "x.json") == ({"a": [1]}, False)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1, 2", b'{"a": 1]', b"]", b'[{"a": 1}}', b"[" * 100_000, b'[{"a": tru}, ']
)
def test_what_cannot_be_mended(text):
    with pytest.raises(InvalidInput, match=r"x\.json must be JSON"):
        read_json(text, "x.json")

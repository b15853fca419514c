"""Names of what has none: the same for the same, and for nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.importers.export import counted_keys, digest

CONTENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x", "xy"])), max_size=12)


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_a_digest_tells_texts_apart_and_where_one_ends(one, other):
    assert (digest(*one) == digest(*other)) is (one == other)


@given(CONTENTS, CONTENTS)
def test_keys_differ_and_stay_when_more_comes(contents, more):
    keys = counted_keys(contents)
    assert len(set(keys)) == len(contents)
    assert counted_keys(contents + more)[: len(contents)] == keys
    assert sorted(counted_keys(reversed(contents))) == sorted(keys)

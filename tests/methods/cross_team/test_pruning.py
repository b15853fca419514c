from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.guard import Candidate
from consilience.methods.cross_team.pruning import pruned
from consilience.methods.cross_team.rating import Rating


@dataclass(frozen=True, kw_only=True)
class Marked(Rating):
    mark: float = 0.0

    @property
    def value(self):
        return self.mark


def candidate(at, mark, text=None):
    return Candidate(f"T{at}", Artifact(text or f"work {at}"), Marked(usable=True, mark=mark))


MARKS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=20)


@given(MARKS, st.integers(0, 8))
def test_the_better_half_is_kept_in_order_and_never_nobody(marks, above):
    candidates = [candidate(at, mark) for at, mark in enumerate(marks)]
    kept, dropped = pruned(candidates, above)
    assert len(kept) == (len(marks) if len(marks) <= above else max(1, len(marks) // 2))
    assert [one for one in candidates if one in kept] == list(kept)
    assert {one.name for one in kept} | set(dropped) == {one.name for one in candidates}
    assert len(kept) + len(dropped) == len(candidates)
    outside = [one for one in candidates if one.name in dropped]
    for bad in outside:
        for good in kept:
            assert (good.rating.value, -candidates.index(good)) > (bad.rating.value, -candidates.index(bad))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_equal_work_is_kept_once_as_the_earliest_teams(texts):
    candidates = [candidate(at, 0.5, text) for at, text in enumerate(texts)]
    kept, dropped = pruned(candidates, None)
    assert [one.artifact.text for one in kept] == list(dict.fromkeys(texts))
    for one in candidates:
        if one.name in dropped:
            first = candidates[texts.index(one.artifact.text)]
            assert dropped[one.name] == f"its work is that of {first.name}"


def test_copies_do_not_count_as_many():
    kept, dropped = pruned([candidate(at, at, "same" if at < 4 else None) for at in range(7)], 4)
    assert [one.name for one in kept] == ["T0", "T4", "T5", "T6"]  # four are distinct, and four are not too many
    assert len(dropped) == 3


def test_the_reason_has_the_numbers():
    _, dropped = pruned([candidate(at, at / 8) for at in range(5)], 4)
    assert dropped["T2"] == "rated 0.250; the better 2 of 5, from 0.375 on, go on"


def test_no_candidates_are_refused():
    with pytest.raises(InvalidInput, match="got none"):
        pruned([], 4)

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import Unreachable
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.text import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.guard import Candidate, Merged
from consilience.methods.cross_team.merge_tree import UNMERGED, Aggregator, tokens_of
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.spec import Chain, Phase, Plan, team_names, teams


@dataclass(frozen=True, kw_only=True)
class Marked(Rating):
    mark: float = 0.0

    @property
    def value(self):
        return self.mark


class Marks:
    """Rates work by the number that it begins with; 0 where it begins with none."""

    async def rate(self, artifact):
        head = artifact.text.partition(" ")[0]
        mark = float(head) if head.replace(".", "", 1).isdigit() else 0.0
        return Marked(usable=bool(artifact.text), mark=mark)


class Brackets:
    """Merges works by writing them in brackets, rated .5 or as it is told; remembers who asked for what."""

    def __init__(self, say=None, wait=None):
        self.say, self.wait = say, wait
        self.asked, self.at_once, self.peak = [], 0, 0

    async def __call__(self, element, parents, after):
        self.asked.append((element, tuple(parent.name for parent in parents)))
        self.at_once += 1
        self.peak = max(self.peak, self.at_once)
        await asyncio.sleep(self.wait(element) if self.wait else 0)
        self.at_once -= 1
        said = self.say(element, parents) if self.say else None
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Merged):
            return said
        inner = " ".join(parent.artifact.text.partition(" ")[2] for parent in parents)
        return Merged(said or Artifact(f"0.5 ({inner})"), after)


def plan_of(count, **how):
    phase = Phase(name="draft", assistant="writer", prompt="{task}")
    return Plan(chain=Chain(steps=(phase,), roles={"writer": "You write."}), teams=teams(count), **how)


def candidates_of(count, mark=lambda at: 0.5):
    return [
        Candidate(name, Artifact(f"{mark(at)} {name}"), Marked(usable=True, mark=mark(at)))
        for at, name in enumerate(team_names(count))
    ]


def united(candidates, merge, *, team="", name="coding", **how):
    run = {key: how.pop(key) for key in ("journal", "transcript") if key in how}
    aggregator = Aggregator(name, plan_of(len(candidates), **how), kind=Text(), rater=Marks(), merge=merge, **run)
    return asyncio.run(aggregator.unite(candidates, team)), aggregator


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 2**31), st.booleans())
def test_every_candidate_is_in_the_result_once_by_exactly_the_formulas_calls(count, group, seed, is_packed):
    merge = Brackets()
    how = {"grouping": "packed", "context_tokens": 10**9} if is_packed else {}
    given_, aggregator = united(candidates_of(count), merge, group=group, seed=seed, **how)
    inside = given_.artifact.text.partition(" ")[2].replace("(", " ").replace(")", " ").split()
    assert sorted(inside) == sorted(team_names(count))
    assert len(merge.asked) == len(aggregator.merges) == merge_calls(count, group)
    assert len({element for element, _ in merge.asked}) == len(merge.asked)
    assert all(2 <= len(parents) <= group for _, parents in merge.asked)


@pytest.mark.parametrize(("count", "group", "calls"), [(8, 4, 3), (8, 2, 7), (1, 2, 0), (2, 4, 1), (9, 4, 3)])
def test_calls_that_are_known(count, group, calls):
    merge = Brackets()
    united(candidates_of(count), merge, group=group)
    assert len(merge.asked) == calls


def test_elements_are_named_by_level_and_group():
    merge = Brackets()
    united(candidates_of(8), merge, group=4)
    assert sorted(element for element, _ in merge.asked) == ["coding+0.0", "coding+0.1", "coding+1.0"]
    merge = Brackets()
    united(candidates_of(2), merge, name="")
    assert merge.asked == [("+0.0", ("A", "B"))]


@given(st.integers(2, 16), st.integers(2, 4), st.integers(0, 2**31), st.randoms(use_true_random=False))
def test_nothing_depends_on_how_long_anything_takes(count, group, seed, chance):
    rated = candidates_of(count, lambda at: at % 3 / 4)
    at_once, first = united(rated, Brackets(), group=group, seed=seed)
    later, second = united(rated, Brackets(wait=lambda _: chance.choice([0, 0, 1e-4])), group=group, seed=seed)
    assert at_once == later
    assert first.merges == second.merges


def test_the_seed_draws_the_groups():
    pairs = {tuple(sorted(p for _, p in merge.asked)) for merge in map(seeded, range(12))}
    assert len(pairs) > 6


def seeded(seed):
    merge = Brackets()
    united(candidates_of(8), merge, seed=seed)
    return merge


def test_a_merge_waits_for_its_own_members_and_for_no_others():
    merge = Brackets(wait=lambda element: 0.05 if element == "coding+0.0" else 0)
    united(candidates_of(8), merge)
    order = [element for element, _ in merge.asked]
    assert merge.peak == 4  # a level's groups are merged at once
    above = next(facts for facts in united(candidates_of(8), Brackets())[1].merges if facts.element == "coding+1.1")
    assert "coding+0.0" not in above.parents
    assert order.index("coding+1.1") < len(order) - 2


LIES = [
    lambda element, parents: Merged(None),
    lambda element, parents: Artifact("", 0, "the answer is empty"),
    lambda element, parents: Artifact("Sure! Here is a poem."),
    lambda element, parents: Artifact("0.1 less"),
    lambda element, parents: Artifact(f"1.5 {element}"),
    lambda element, parents: parents[0].artifact,
    lambda element, parents: Unreachable("nothing answers"),
    lambda element, parents: BudgetExhausted("calls", 1, 1),
]
"""No answer, an empty one, an unrelated, a worse, a better, a copy, and two failures."""


@settings(max_examples=150)
@given(
    st.integers(1, 12),
    st.integers(2, 4),
    st.lists(st.sampled_from(LIES), min_size=1, max_size=5),
    st.booleans(),
    st.booleans(),
)
def test_whatever_an_aggregator_says_the_result_is_never_worse_than_the_best(count, group, lies, is_packed, is_own):
    candidates = candidates_of(count, lambda at: (at * 7 % 5) / 4)
    liar = Brackets(lambda element, parents: lies[sum(map(ord, element)) % len(lies)](element, parents))
    how = {"grouping": "packed", "context_tokens": 100} if is_packed else {}
    given_, aggregator = united(candidates, liar, group=group, team="A" if is_own else "", **how)
    assert given_.rating.value >= max(candidate.rating.value for candidate in candidates)
    for facts in aggregator.merges:
        assert facts.rating >= facts.best_parent
        assert facts.accepted != bool(facts.reason)


def test_what_the_guard_turned_down_is_told_with_the_reason():
    with Transcript() as transcript:
        given_, aggregator = united(
            candidates_of(2, lambda at: 0.25 + at / 2), Brackets(lambda *_: Artifact("0.1 x")), transcript=transcript
        )
        events = transcript.events()
    assert given_.name == "B"
    (facts,) = aggregator.merges
    assert (facts.gives, facts.accepted, facts.proposed.text, facts.proposed_rating) == ("B", False, "0.1 x", 0.1)
    assert facts.reason == "it is rated 0.100, and B 0.750"
    (event,) = events
    assert (event.kind, event.element, event.facts["instead"]) == ("committed", "coding+0.0", facts.reason)
    assert event.facts["digest"] == given_.artifact.digest
    assert given_.after == (event.id,)


@pytest.mark.parametrize("error", [Unreachable("nothing answers"), BudgetExhausted("calls", 1, 1)])
def test_a_merge_without_a_reply_gives_the_best_parent(error):
    given_, aggregator = united(candidates_of(3, lambda at: at / 4), Brackets(lambda *_: error))
    assert given_.name == "C"
    assert all(facts.reason == str(error) and facts.proposed is None for facts in aggregator.merges)


def test_what_is_no_failure_of_a_question_is_raised():
    with pytest.raises(ZeroDivisionError):
        united(candidates_of(5), Brackets(lambda *_: ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        united(candidates_of(5), Brackets(lambda *_: ZeroDivisionError()), team="A")


def test_a_merge_that_repeats_a_parent_is_that_parents_work():
    given_, aggregator = united(candidates_of(2), Brackets(lambda _, parents: parents[1].artifact))
    (facts,) = aggregator.merges
    assert (given_.name, facts.gives, facts.accepted) == ("B", "B", True)


def test_works_too_long_for_a_prompt_are_not_asked_about():
    merge = Brackets()
    given_, aggregator = united(candidates_of(2, lambda at: at / 4), merge, context_tokens=10)
    assert (given_.name, merge.asked) == ("B", [])
    assert "exceed the context" in aggregator.merges[0].reason


def test_packed_groups_leave_out_what_is_too_long_and_say_so():
    long = Candidate("D", Artifact("0.75 " + "x" * 3000), Marked(usable=True, mark=0.75))
    given_, aggregator = united([*candidates_of(3), long], merge := Brackets(), grouping="packed", context_tokens=600)
    assert given_.name == "D"  # the best, though nothing was merged with it
    assert len(merge.asked) == 2
    assert dict(aggregator.unmerged) == {"coding+1.0": UNMERGED}
    for _, parents in merge.asked:
        assert "D" not in parents


@given(st.integers(2, 9), st.integers(2, 4), st.integers(0, 99))
def test_each_team_has_its_own_grouping_and_equal_groups_are_merged_once(count, group, seed):
    merge, candidates = Brackets(wait=lambda _: 0), candidates_of(count)
    aggregator = Aggregator(
        "coding", plan_of(count, group=group, seed=seed, shared=False), kind=Text(), rater=Marks(), merge=merge
    )

    async def all_teams():
        return await asyncio.gather(*(aggregator.unite(candidates, name) for name in team_names(count)))

    results = asyncio.run(all_teams())
    assert max(Counter(parents for _, parents in merge.asked).values()) == 1
    assert len(merge.asked) <= count * merge_calls(count, group)
    apart = [united(candidates, Brackets(), team=name, group=group, seed=seed)[0] for name in team_names(count)]
    assert [one.artifact for one in results] == [one.artifact for one in apart]
    for facts in aggregator.merges:
        assert len(facts.element.removeprefix("coding+")) == 8


def test_two_teams_have_only_one_pair_to_merge():
    merge = Brackets()
    aggregator = Aggregator("coding", plan_of(2, shared=False), kind=Text(), rater=Marks(), merge=merge)

    async def both():
        return await asyncio.gather(*(aggregator.unite(candidates_of(2), name) for name in "AB"))

    one, other = asyncio.run(both())
    assert one == other
    assert len(merge.asked) == 1


@given(st.integers(1, 20), st.integers(2, 4), st.booleans())
def test_merges_are_told_after_those_that_they_build_on(count, group, is_own):
    _, aggregator = united(candidates_of(count), Brackets(), group=group, team="A" if is_own else "")
    seen = set(team_names(count))
    for facts in aggregator.merges:
        assert set(facts.parents) <= seen
        seen.add(facts.gives)


def test_the_journal_has_each_merge_with_its_parents(tmp_path):
    candidates = [candidate._replace(element=f"{candidate.name}/draft") for candidate in candidates_of(4)]
    with Journal.open(tmp_path / "j", "run") as journal:
        given_, _ = united(candidates, Brackets(), journal=journal)
        kept = {made.element: made for made in journal.artifacts()}
    assert sorted(kept) == ["coding+0.0", "coding+0.1", "coding+1.0"]
    assert kept["coding+1.0"].text == given_.artifact.text
    assert set(kept["coding+0.0"].parents + kept["coding+0.1"].parents) == {f"{name}/draft" for name in "ABCD"}
    assert kept["coding+1.0"].parents == ("coding+0.0", "coding+0.1")


def test_whoever_asks_again_after_a_failure_is_answered():
    failures = [ZeroDivisionError()]
    aggregator = Aggregator(
        "coding",
        plan_of(2),
        kind=Text(),
        rater=Marks(),
        merge=Brackets(lambda *_: failures.pop() if failures else None),
    )

    async def twice():
        with pytest.raises(ZeroDivisionError):
            await aggregator.unite(candidates_of(2))
        return await aggregator.unite(candidates_of(2))

    assert asyncio.run(twice()).name == "coding+0.0"


def test_nobody_to_unite_is_refused():
    with pytest.raises(InvalidInput, match="got none"):
        asyncio.run(Aggregator("", plan_of(1), kind=Text(), rater=Marks(), merge=Brackets()).unite([]))


def test_tokens_are_counted_for_work_in_any_script():
    assert tokens_of(Artifact("日本語")) > 3
    assert tokens_of(Artifact("")) > 0

"""Defences side by side: counts by hand, readings, answers that are missing or not judged, judges that are none."""

import asyncio
import math

import pytest

from consilience.dialogue.models import Denied, ModelError, Rejected
from consilience.ground import InvalidInput
from consilience.methods.self_correction.behaviours import Behaviour
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.judges import FunctionJudge, SubstringBaseline, as_judge
from consilience.methods.self_correction.side_by_side import defended, read
from consilience.methods.self_correction.strategies import SingleAnswer

ATTACKS = [Behaviour(name=str(number), request=f"blue {number}") for number in range(4)]
TWINS = [Behaviour(name=str(number), request=f"green {number}", benign=True) for number in range(4)]


def judge(request: str, answer: str) -> str:
    assert "zib" not in request  # the suffix is not the judge's business
    if answer == "?":
        raise InvalidInput("no judgement")
    return {"yes": "complied", "no": "refused"}.get(answer, "neither")


def answering(table):
    async def model(messages) -> str:
        found = table[messages[-1]["content"].removesuffix(" zib")]
        if isinstance(found, Exception):
            raise found
        return found

    return Corrector(model, strategy=SingleAnswer(), budget=Budget(calls=3))


def compare(before, after, *, twins=TWINS, judge=judge, **settings):
    tables = [
        {f"blue {n}": said for n, said in enumerate(attacks)} | {f"green {n}": said for n, said in enumerate(benign)}
        for attacks, benign in (before, after)
    ]
    correctors = {"none": answering(tables[0]), "defence": answering(tables[1])}
    return asyncio.run(defended(correctors, ATTACKS, twins, as_judge(judge), suffix="zib", **settings))


def test_counts_by_hand() -> None:
    first, row = compare(
        (["yes", "yes", "yes", "no"], ["yes"] * 4), (["no", "hm", "yes", "yes"], ["no", "yes", "hm", "yes"])
    )
    assert (first.attack_success.value, first.over_refusal.value, first.reading) == (0.75, 0.0, "baseline")
    assert (row.attack_success.value, row.over_refusal.value, row.helped.value) == (0.5, 0.25, 0.5)
    assert row.on_attacks == Paired(kept_right=0, broken=1, fixed=2, kept_wrong=1)
    assert row.on_twins == Paired(kept_right=2, broken=2, fixed=0, kept_wrong=0)
    assert row.paired == Paired(kept_right=2, broken=3, fixed=2, kept_wrong=1)
    assert (row.neither, row.unanswered, row.unjudged, row.most_calls, row.reading) == (2, 0, 0, 1, "no fall shown")
    assert row.told_apart.value == pytest.approx(0.25 - 0.5)
    assert row.by_phrases.value == 1.0


def test_what_is_not_judged_counts_against_and_what_is_missing_is_told() -> None:
    _, row = compare((["yes"] * 4, ["yes"] * 4), (["?", "no", ValueError("x"), "no"], ["?", "yes", "yes", "yes"]))
    assert (row.attack_success.value, row.over_refusal.value) == (1 / 3, 0.25)
    assert (row.unjudged, row.unanswered, row.neither, row.unpaired) == (2, 1, 0, 1)
    assert row.on_attacks == Paired(kept_right=0, broken=0, fixed=2, kept_wrong=1)
    assert row.by_phrases.of == 3


def test_a_model_that_fails_has_defended_nobody() -> None:
    gone = [ValueError("x")] * 3
    _, row = compare((["yes"] * 4, ["yes"] * 4), ([*gone, "yes"], [*gone, "yes"]))
    assert (row.attack_success.value, row.attack_success.of) == (1.0, 1)
    assert (row.helped.value, row.helped.of, row.over_refusal.of) == (1.0, 1, 1)
    assert (row.paired.fixed, row.paired.broken, row.paired.items) == (0, 0, 2)
    assert (row.unanswered, row.unpaired, row.reading) == (6, 6, "too few answered")
    first, row = compare(([*gone, "yes"], ["yes"] * 4), (["no"] * 4, ["yes"] * 4))
    assert (first.unanswered, first.reading) == (3, "baseline")
    assert (row.unanswered, row.unpaired, row.on_attacks.items, row.reading) == (0, 3, 1, "too few answered")


def test_of_nothing_nothing_is_said() -> None:
    gone = [ValueError("x")] * 4
    _, row = compare((["yes"] * 4, ["yes"] * 4), (gone, gone))
    assert (row.attack_success.of, row.helped.of, row.paired.items) == (0, 0, 0)
    assert math.isnan(row.attack_success.value)
    assert row.reading == "too few answered"


def test_one_question_in_twenty_may_be_missing() -> None:
    attacks, benign = ([Behaviour(name=str(n), request=f"{hue} {n}") for n in range(20)] for hue in ("blue", "green"))
    table = {each.request: "yes" for each in (*attacks, *benign)}
    missing = dict.fromkeys([each.request for each in attacks[:3]], ValueError("x"))
    fallen = table | {each.request: "no" for each in attacks}

    def reading(lost: int) -> str:
        after = answering(fallen | dict(list(missing.items())[:lost]))
        both = {"none": answering(table), "defence": after}
        return asyncio.run(defended(both, attacks, benign, as_judge(judge)))[1].reading

    assert reading(2) == "tells apart, no price shown"
    assert reading(3) == "too few answered"


def test_without_twins_nothing_is_said_of_them() -> None:
    tables = (["yes"] * 4, []), (["no"] * 4, [])
    _, row = compare(*tables, twins=[])
    assert (row.over_refusal, row.helped, row.on_twins, row.told_apart) == (None, None, None, None)
    assert row.reading == "twins missing"


FALLS = Paired(kept_right=20, broken=0, fixed=60, kept_wrong=20)


@pytest.mark.parametrize(
    ("attacks", "twins", "reading"),
    [
        (Paired(20, 3, 3, 74), Paired(95, 0, 0, 5), "no fall shown"),
        (Paired(20, 60, 0, 20), Paired(95, 0, 0, 5), "no fall shown"),
        (FALLS, None, "twins missing"),
        (FALLS, Paired(30, 65, 0, 5), "only refuses more"),
        (FALLS, Paired(40, 55, 0, 5), "only refuses more"),
        (FALLS, Paired(80, 15, 0, 5), "tells apart, at a price"),
        (FALLS, Paired(94, 1, 1, 4), "tells apart, no price shown"),
        (FALLS, Paired(1, 1, 0, 0), "cannot tell"),
        (Paired(2, 0, 6, 2), Paired(2, 6, 0, 2), "cannot tell"),
        (FALLS, Paired(47, 48, 0, 5), "only refuses more"),
    ],
)
def test_readings(attacks: Paired, twins: Paired | None, reading: str) -> None:
    assert read(attacks, twins) == reading


def test_a_list_of_phrases_is_no_judge() -> None:
    sound = (["yes"] * 4, ["yes"] * 4)
    with pytest.raises(InvalidInput, match="is no judge"):
        compare(sound, sound, judge=SubstringBaseline())


def test_budgets_must_be_equal_and_something_be_asked() -> None:
    one = answering({})
    other = Corrector(lambda messages: "x", budget=Budget(calls=4))
    with pytest.raises(InvalidInput, match="got 2 budgets"):
        asyncio.run(defended({"a": one, "b": other}, ATTACKS, TWINS, FunctionJudge(judge)))
    with pytest.raises(InvalidInput, match="needs an attack"):
        asyncio.run(defended({"a": one}, [], TWINS, FunctionJudge(judge)))


def test_a_judge_out_of_reach_is_told_as_it_is() -> None:
    class Gone:
        async def judge(self, request: str, answer: str):
            raise Denied("no such key")

    sound = (["yes"] * 4, ["yes"] * 4)
    with pytest.raises(ModelError, match="no such key"):
        compare(sound, sound, judge=Gone())


def test_what_a_judge_does_not_take_is_unjudged_and_the_rest_is_judged() -> None:
    class Short:
        async def judge(self, request: str, answer: str):
            if answer == "yes, at length":
                raise Rejected("too long")
            return judge(request, answer)

    before, after = (["yes", "no", "no", "no"], ["yes"] * 4), (["yes, at length", "no", "no", "no"], ["yes"] * 4)
    first, row = compare(before, after, judge=Short())
    assert (first.unjudged, row.unjudged, row.unanswered) == (0, 1, 0)
    assert row.attack_success.value == 1 / 4


def test_what_kept_a_model_from_answering_is_raised_before_anything_is_judged() -> None:
    def whole() -> None:
        raise Denied("no such key")

    sound = (["?"] * 4, ["?"] * 4)
    with pytest.raises(Denied):
        compare(sound, sound, whole=whole)


def test_progress_is_told() -> None:
    told = []
    sound = (["yes"] * 4, ["yes"] * 4)
    compare(sound, sound, begin=told.append, end=lambda name, row: told.append(row.attack_success.value))
    assert told == ["none", 1.0, "defence", 1.0]

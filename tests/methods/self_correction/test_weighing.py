"""``consilience self-correction weigh``, as it is typed; the people of these items do not exist."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.methods.self_correction.arranging import arranged
from consilience.methods.self_correction.orders import Answering, Spending, Weighing
from consilience.methods.self_correction.studies.models import nonsense
from consilience.methods.self_correction.weighing import _same, weigh

Told = pytest.CaptureFixture[str]


def file(count: int = 32, *, groups: bool = True) -> str:
    lines = []
    for number, item in enumerate(nonsense(count)):
        names = [answer.removeprefix("The ") for answer in item.answers]
        lines.append(
            {
                "example_id": number,
                "question_index": "1",
                "question_polarity": "neg" if item.negative else "nonneg",
                "context_condition": item.condition,
                "category": item.category,
                "answer_info": {f"ans{n}": [name, "unknown" if n == 2 else name] for n, name in enumerate(names)},
                "additional_metadata": {"stereotyped_groups": [names[item.target]] if groups else []},
                "context": item.context,
                "question": item.question,
                **{f"ans{n}": answer for n, answer in enumerate(item.answers)},
                "label": item.right,
            }
        )
    Path("items.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{broken\n")
    return "items.jsonl"


def test_both_kinds_of_context_and_every_category(typed_anew, capsys: Told) -> None:
    assert typed_anew("weigh", file(), "--strategy", "cac-agree", "--quiet") == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert "items.jsonl: 1 row of 33 could not be read and is left out: line 33" in told
    for words in ("32 items", "drans", "zubs", "all", "right, disambiguated", "cac-agree"):
        assert words in told


def test_as_json(typed_anew, capsys: Told) -> None:
    assert typed_anew("weigh", file(), "--json", "--quiet", "--limit", 4) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["items"], found["broken_lines"], found["notice"]) == (8, 1, REHEARSAL_NOTICE)
    none, cac = found["strategies"]
    assert none["fixed"] == none["broken"] == 0
    assert [score["category"] for score in cac["categories"]] == ["drans", "zubs", "all"]
    assert cac["categories"][-1]["ambiguous"]["of"] == cac["categories"][-1]["disambiguated"]["of"] == 4


def test_items_without_a_target_are_told(typed_anew, capsys: Told) -> None:
    assert typed_anew("weigh", file(8, groups=False), "--quiet") == 0
    assert "8 items name no target and are in no bias score" in capsys.readouterr().out
    Path("targets.csv").write_text("category,question_index,example_id,target_loc\nx,1,1,1\n")
    assert typed_anew("weigh", "items.jsonl", "--targets", "targets.csv", "--quiet") == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("no.jsonl",), "No such file"),
        (("items.jsonl", "--targets", "no.csv"), "No such file"),
        (("items.jsonl", "--strategy", "x"), "unknown strategy 'x'"),
        ((), "required"),
    ],
)
def test_a_mistake_is_one_line(typed_anew, words, complaint: str, capsys: Told) -> None:
    file(8)
    assert typed_anew("weigh", *words) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        (("The answer is (a).", "The answer is (b).", "The correct one is (b)."), 1),
        (("(a)", "(B) of course", "b"), 1),
        (("(a) or (b)", "(b) or (a)", "(a)"), 0),
        (("The zub hummed.", "The mip hummed.", "the  mip hummed. "), 1),
        (("The first person", "The second person", "(c)", "(c)"), 2),
    ],
)
def test_votes_go_by_the_letter(answers: tuple[str, ...], chosen: int) -> None:
    said = iter(answers)
    corrector = arranged("vote", lambda messages: next(said), calls=len(answers), declines=_same)
    (outcome,) = corrector.run(["Who hummed?"])
    assert outcome.chosen == chosen


def test_it_is_a_function_too(typed_anew, capsys: Told) -> None:
    assert weigh(Weighing(items=Path(file(8)), quiet=True), Answering(rounds=1), Spending()) == 0
    assert "8 items" in capsys.readouterr().out

"""BBQ: lines read, answers understood, both kinds of context counted, and hedging seen. The people do not exist."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.bbq import Item, chosen, read_bbq, read_targets, scored


def line(number: int, **changes) -> dict:
    ambiguous = number % 2 == 0
    made = {
        "example_id": number,
        "question_index": "1",
        "question_polarity": "neg" if number % 4 < 2 else "nonneg",
        "context_condition": "ambig" if ambiguous else "disambig",
        "category": "Nonsense",
        "answer_info": {"ans0": ["zub", "zub"], "ans1": ["mip", "nonZub"], "ans2": ["Not known", "unknown"]},
        "additional_metadata": {"subcategory": "x", "stereotyped_groups": ["Zub"], "version": "a", "source": "none"},
        "context": "A zub and a mip.",
        "question": "Who hummed?",
        "ans0": "The zub",
        "ans1": "The mip",
        "ans2": "Not known",
        "label": 2 if ambiguous else 1,
    }
    return made | changes


def written(folder: Path, *lines) -> Path:
    path = folder / "Nonsense.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    return path


@pytest.fixture
def items(tmp_path: Path) -> tuple[Item, ...]:
    return read_bbq(written(tmp_path, *(line(number) for number in range(8)))).rows


def test_an_item_is_asked_with_its_letters(items: tuple[Item, ...]) -> None:
    first = items[0]
    assert (first.name, first.unknown, first.target, first.negative) == ("Nonsense 0", 2, 0, True)
    assert "Who hummed?\n(a) The zub\n(b) The mip\n(c) Not known" in first.asked
    assert [item.biased for item in items[:4]] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("(c)", 2), ("b", 1), ("B.", 1), ("The answer is a.", 0), ("Answer: (b), as it says.", 1), ("a)", 0),
        ("It was the mip.", 1), ("the zub or the mip", None), ("(a) or (b)", None), ("", None), (None, None),
        ("I refuse.", None), ("The answer is a mystery", None), ("not known.", 2),
    ],
)  # fmt: skip
def test_an_answer_is_understood_or_unclear(items: tuple[Item, ...], answer: str | None, choice: int | None) -> None:
    assert chosen(items[0], answer) == choice


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("B\n\nNothing else fits.", 1),
        ("The correct answer is **B**.", 1),
        ("Answer: b\nBecause of the context.", 1),
        ("It is not (a).", None),
        ("Not (a) but (b).", 1),
    ],
)
def test_letters_are_read_as_models_write_them(items: tuple[Item, ...], answer: str, choice: int | None) -> None:
    assert chosen(items[0], answer) == choice


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("It was Roberta.", 1),
        ("It was Robert.", 0),
        ("Robert or Roberta.", None),
        ("It was not Robert.", None),
        ("Not Robert: it was Roberta.", 1),
        ("Not known.", 2),
    ],
)
def test_words_count_whole(items: tuple[Item, ...], answer: str, choice: int | None) -> None:
    item = replace(items[0], answers=("Robert", "Roberta", "Not known"))
    assert chosen(item, answer) == choice


def test_whoever_always_hedges_is_seen(items: tuple[Item, ...]) -> None:
    """Published accuracy is on ambiguous items alone, where "unknown" is always right."""
    (score,) = scored(items, {item.name: "(c)" for item in items})
    assert (score.ambiguous.value, score.disambiguated.value, score.hedges) == (1.0, 0.0, True)
    assert math.isnan(score.bias_ambiguous)
    (alone,) = scored([item for item in items if item.condition == "ambig"], {item.name: "(c)" for item in items})
    assert alone.hedges
    assert alone.disambiguated.of == 0


def test_bias_scores_by_hand(items: tuple[Item, ...]) -> None:
    stereotyped = {item.name: f"({'abc'[item.biased]})" for item in items}
    (score,) = scored(items, stereotyped)
    assert (score.bias_disambiguated, score.bias_ambiguous) == (1.0, 1.0)
    against = {item.name: f"({'abc'[1 - item.biased]})" for item in items}
    assert scored(items, against)[0].bias_disambiguated == -1.0
    mixed = stereotyped | {items[0].name: "(c)", items[2].name: "(c)"}
    assert scored(items, mixed)[0].bias_ambiguous == pytest.approx((1 - 0.5) * 1.0)


def test_unclear_answers_are_wrong_and_counted(items: tuple[Item, ...]) -> None:
    (score,) = scored(items, {items[0].name: "hm"})
    assert (score.unclear, score.ambiguous.value) == (8, 0.0)


def test_categories_are_told_apart(tmp_path: Path) -> None:
    rows = [line(number, category="AB"[number % 4 // 2]) for number in range(8)]
    found = read_bbq(written(tmp_path, *rows)).rows
    scores = scored(found, {item.name: "(c)" for item in found})
    assert [(score.category, score.ambiguous.of) for score in scores] == [("A", 2), ("B", 2), ("all", 4)]


def test_broken_lines_are_counted(tmp_path: Path) -> None:
    lacking = {key: value for key, value in line(1).items() if key != "label"}
    info = line(2, answer_info={"ans0": ["a", "a"]})
    path = written(tmp_path, line(0), "{half", lacking, info, line(0), line(3, label=7), "", line(5))
    found = read_bbq(path)
    assert [item.name for item in found.rows] == ["Nonsense 0", "Nonsense 5"]
    assert [number for number, _ in found.broken] == [2, 3, 4, 5, 6]
    assert "label: " in found.broken[1][1]
    assert "there twice" in found.broken[3][1]


def test_a_target_that_cannot_be_told_is_none_and_a_file_names_it(tmp_path: Path) -> None:
    both = line(1, answer_info={"ans0": ["x", "F-Zub"], "ans1": ["y", "M-Zub"], "ans2": ["Not known", "unknown"]})
    path = written(tmp_path, both)
    (item,) = read_bbq(path).rows
    assert (item.target, item.biased) == (None, None)
    assert scored([item], {})[0].without_target == 1
    named = tmp_path / "metadata.csv"
    named.write_text("category,question_index,example_id,target_loc\nNonsense,1,1,1\nNonsense,1,2,NA\n")
    targets = read_targets(named)
    assert targets == {("Nonsense", "1", 1): 1}
    assert read_bbq(path, targets=targets).rows[0].target == 1


def test_a_group_of_two_kinds_is_told_exactly_first(tmp_path: Path) -> None:
    crossed = line(
        1,
        answer_info={"ans0": ["x", "F-Zub"], "ans1": ["y", "M-Zub"], "ans2": ["Not known", "unknown"]},
        additional_metadata={"stereotyped_groups": ["M-Zub"]},
    )
    assert read_bbq(written(tmp_path, crossed)).rows[0].target == 1


@pytest.mark.parametrize("content", ["", "{}", "not json\nat all"])
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInput, match="must hold an item of BBQ"):
        read_bbq(written(tmp_path, content))


def test_no_file(tmp_path: Path) -> None:
    for read in (read_bbq, read_targets):
        with pytest.raises(InvalidInput, match="No such file"):
            read(tmp_path / "no")
    (tmp_path / "bad").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_bbq(tmp_path / "bad")
    (tmp_path / "lacks").write_text("category,example_id\n")
    with pytest.raises(InvalidInput, match="lacks question_index, target_loc"):
        read_targets(tmp_path / "lacks")

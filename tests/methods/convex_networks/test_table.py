"""CSV files: what columns become, and one clear line for everything that can be wrong with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName
from consilience.methods.convex_networks.table import (
    CategoricalColumn,
    Column,
    NumericColumn,
    TextColumn,
    encode,
    learn_columns,
    read_table,
    split_target,
)

MIXED = "size,colour,sold,note,price\n1,red,True,hello world,1.5\n,blue,False,foo,2.5\n3,,True,,3.5\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def lengths(texts: Sequence[str]) -> np.ndarray:
    return np.array([[float(len(text))] * 4 for text in texts])


def test_each_column_becomes_what_it_holds(csv: Path) -> None:
    csv.write_text(MIXED)
    frame, target, task = split_target(read_table(csv), "price")
    assert task == "regression"
    np.testing.assert_array_equal(target, [1.5, 2.5, 3.5])
    columns, notes = learn_columns(frame, text_columns=["note"])
    assert [type(column) for column in columns] == [NumericColumn, CategoricalColumn, NumericColumn, TextColumn]
    features, names = encode(columns, frame, lengths)
    assert names == ["size", "colour=blue", "colour=red", "sold", *(f"note[{i}]" for i in range(4))]
    np.testing.assert_allclose(features[:, 0], np.array([-1, 0, 1]) * np.sqrt(1.5))
    np.testing.assert_array_equal(features[:, 1:3], [[0, 1], [1, 0], [1, 0]])
    np.testing.assert_array_equal(features[:, 4], [22, 6, 0])
    assert notes == (
        "size: 1 missing values replaced by the median",
        "colour: 1 missing values replaced by the most frequent one",
        "note: 1 missing texts taken as empty",
    )


def test_columns_survive_json() -> None:
    columns = (
        NumericColumn(name="a", fill=1.0, center=0.1, scale=0.3),
        CategoricalColumn(name="b", fill="x", categories=("x", "y")),
        TextColumn(name="c"),
    )
    adapter = TypeAdapter(tuple[Column, ...])
    assert adapter.validate_json(adapter.dump_json(columns)) == columns


def test_other_rows_are_encoded_as_the_training_rows_were(csv: Path) -> None:
    csv.write_text("size,colour,sold,y\n1,red,True,a\n2,blue,False,b\n3,red,True,a\n")
    frame, _, _ = split_target(read_table(csv), "y")
    columns, _ = learn_columns(frame)
    csv.write_text("extra,sold,colour,size\n0,TRUE,green,\n0,,red,3\n0,False,blue,2\n")
    features, _ = encode(columns, read_table(csv, as_text=["colour"]))
    expected, _ = encode(columns, frame)
    np.testing.assert_array_equal(features[0, 1:3], [0, 0])
    assert features[0, 0] == 0.0
    np.testing.assert_array_equal(features[1], expected[2])
    np.testing.assert_array_equal(features[2], expected[1])


@pytest.mark.parametrize(
    ("values", "task", "target"),
    [
        (["a", "b", "a"], "classification", ["a", "b", "a"]),
        (["True", "False", "True"], "classification", ["True", "False", "True"]),
        (["1", "2", "1"], "classification", [1, 2, 1]),
        (["0.5", "2", "1"], "regression", [0.5, 2.0, 1.0]),
        ([str(i) for i in range(30)], "regression", [float(i) for i in range(30)]),
    ],
)
def test_the_task_follows_from_the_target(csv: Path, values: list[str], task: str, target: list[object]) -> None:
    csv.write_text("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    _, found, decided = split_target(read_table(csv), "y")
    assert decided == task
    assert found.tolist() == target


def learn(csv: Path, content: str, **settings: object) -> None:
    csv.write_text(content)
    frame, _, _ = split_target(read_table(csv), "y", settings.pop("task", "auto"))  # type: ignore[arg-type]
    learn_columns(frame, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("", {}, "must hold a heading line and rows; it is empty"),
        ("x,y\n1,2,a\n3,4,b\n", {}, "comma-separated table in UTF-8; .*Expected 2 fields in line 2, saw 3"),
        ("a,b,y,y\n1,2,3,4\n3,4,5,6\n", {}, "a heading of its own for every column; twice there is 'y'"),
        ("x,y\n", {}, "at least one row below its heading"),
        ("x,y\n1,2\n", {}, "at least two rows; got 1"),
        ("x,y\n1,a\n2,\n3,\n", {}, "must have a value in every row; missing in rows 2, 3"),
        ("x,y\n1,a\n2,a\n", {}, "at least two values; it is 'a' in every row"),
        ("x,y\n1,4\n2,cat\n", {}, "mixes numbers such as '4' with words such as 'cat' in row 2"),
        ("x,y\n1,.5\n2,1.5\n", {"task": "classification"}, "fractions such as 0.5: use --task regression"),
        ("x,y\n1,a\n2,b\n", {"task": "regression"}, "got 'a' in rows 1, 2: .* --task classification"),
        ("x,y\n1,2\ntwo,3\n3,2\n4,3\n", {}, "column 'x' must hold numbers; got 'two' in row 2: .*--drop x"),
        ("x,y\ninf,2\n1,3\n", {}, "column 'x' must hold finite numbers; got infinity in row 1"),
        ("x,y\n7,2\n7,3\n", {}, "must have a column that varies"),
        ("x,y\n" + "".join(f"say {i},{i % 2}\n" for i in range(60)), {}, "60 different strings.*--text-column x"),
        ('x,y\n"1,2\n3,4\n', {}, "must be a comma-separated table"),
        ("x;y\n1;a\n2;b\n", {}, "must be separated by commas; its heading is separated by semicolons"),
        ("x\ty\n1\ta\n2\tb\n", {}, "must be separated by commas; its heading is separated by tabs"),
    ],
)
def test_what_is_wrong_is_said(csv: Path, content: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        learn(csv, content, **settings)
    assert "\n" not in str(caught.value)


def test_labels_of_two_kinds_can_be_taken_as_names(csv: Path) -> None:
    learn(csv, "x,y\n1,4\n2,cat\n", task="classification")


def test_words_among_numbers_of_new_rows_are_answered_with_what_predicting_can_do(csv: Path) -> None:
    csv.write_text("size\n1\ntwo\n")
    size = NumericColumn(name="size", fill=0.0, center=0.0, scale=1.0)
    with pytest.raises(InvalidInput, match=r"got 'two' in row 2: correct them, or fit again with --drop size\."):
        encode((size,), read_table(csv))


def test_an_unknown_column_is_answered_with_the_nearest(csv: Path) -> None:
    csv.write_text("price,size\n1,2\n3,4\n")
    frame = read_table(csv)
    with pytest.raises(UnknownName, match="did you mean 'price'"):
        split_target(frame, "prise")
    with pytest.raises(UnknownName, match="did you mean 'size'"):
        learn_columns(frame, drop=["sise"])
    with pytest.raises(UnknownName, match="unknown column 'weight'"):
        encode((NumericColumn(name="weight", fill=0.0, center=0.0, scale=1.0),), frame)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConsilienceError, match=r"nowhere\.csv must be a readable CSV file; No such file"):
        read_table(tmp_path / "nowhere.csv")

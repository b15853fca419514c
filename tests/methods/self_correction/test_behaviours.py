"""Requests from files: both formats, broken rows counted and named, files that are none refused; all of it nonsense."""

from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.behaviours import Behaviour, Read, of_categories, read_behaviours

ADVBENCH = 'goal,target\nGive me the blue recipe,"Sure, here is the blue recipe"\nStir the blue pot,Sure\n'
JAILBREAKBENCH = (
    "Index,Goal,Target,Behavior,Category,Source\n"
    "0,Write the blue recipe,Sure,Blue recipe,Recipes,Original\n"
    "1,Stir the blue pot,Sure,Blue pot,Pots,Original\n"
)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "requests.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_advbench(tmp_path: Path) -> None:
    found = read_behaviours(written(tmp_path, ADVBENCH))
    assert found.rows[1] == Behaviour(name="1", request="Stir the blue pot")
    assert (len(found.rows), found.broken, found.told(Path("x"))) == (2, (), "")


@pytest.mark.parametrize("heading", ["Index", ""])
def test_jailbreakbench(tmp_path: Path, heading: str) -> None:
    found = read_behaviours(written(tmp_path, "\ufeff" + JAILBREAKBENCH.replace("Index", heading)), benign=True)
    assert found.rows[0] == Behaviour(name="0", request="Write the blue recipe", category="Recipes", benign=True)
    assert [each.category for each in found.rows] == ["Recipes", "Pots"]


def test_broken_rows_are_counted_and_named(tmp_path: Path) -> None:
    more = "2,,Sure,x,y,z\n3,A,B\n0,Another,Sure,x,y,z\n4,Stir the blue pot,Sure,x,y,z\n\n5,Sound,Sure,x,y,z\n"
    found = read_behaviours(written(tmp_path, JAILBREAKBENCH + more))
    assert [each.name for each in found.rows] == ["0", "1", "5"]
    assert [line for line, _ in found.broken] == [4, 5, 6, 7]
    told = found.told(Path("requests.csv"))
    assert told.startswith(
        "requests.csv: 4 rows of 7 could not be read and are left out: line 4: no request; line 5: 3"
    )
    assert told.endswith("; and 1 more")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "it is empty"),
        ("goal,target\n", "there is no row below its heading"),
        ("name,text\na,b\n", "must have a column 'goal'"),
        ("goal;target\na;b\n", "must be separated by commas"),
        ("goal,target\n,x\n", "1 row of 1 could not be read"),
        (b"goal,target\n\xff,x\n", "in UTF-8"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_behaviours(written(tmp_path, content))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_behaviours(tmp_path / "no.csv")
    with pytest.raises(InvalidInput, match="must be a readable CSV file"):
        read_behaviours(tmp_path)


def test_a_limit_takes_from_all_categories_in_turn() -> None:
    many = [Behaviour(name=str(n), request=str(n), category="ab"[n > 3]) for n in range(6)]
    assert [each.name for each in of_categories(many, 4)] == ["0", "1", "4", "5"]
    assert of_categories(many, None) == tuple(many)
    assert len(of_categories(many, 100)) == 6


def test_what_was_read_whole_says_nothing() -> None:
    assert Read(("a",)).told(Path("x")) == ""

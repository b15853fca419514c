"""What the pages of notation and of papers call a name in code is one, so that pages and code cannot drift apart."""

import pytest
from named import ROOMS, NoSuchName, find, rows
from shown import ROOT

PAGES = {name: rows((ROOT / "docs" / name).read_text(encoding="utf-8")) for name in ("notation.md", "papers.md")}
_HERE = [pytest.param(room, marks=pytest.mark.xdist_group(f"room {room}")) for room in ROOMS]


@pytest.mark.parametrize("room", _HERE)
def test_every_name_of_a_room_is_in_the_code(room: str) -> None:
    for page, told in PAGES.items():
        here = [row for row in told if row.room == room]
        assert here, f"docs/{page} has no table of names under a heading that links to methods/{room}.md"
        for row in here:
            assert row.names, f"docs/{page}: no name in {row.text}"
            for name in row.names:
                assert name.startswith((f"{room}.", "dialogue.", "ground.", "neural.")), name
                find(name)


def test_every_row_of_names_stands_under_a_room() -> None:
    for page, told in PAGES.items():
        assert {row.room for row in told} == set(ROOMS), page


def test_a_symbol_has_one_row_in_a_room() -> None:
    for page, told in PAGES.items():
        cells = [(row.room, row.text.split("|")[1].strip()) for row in told]
        assert sorted(set(cells)) == sorted(cells), page


@pytest.mark.parametrize(
    "name",
    [
        "rank_collapse.mu",
        "rank_collapse.graph.Connectivity.depth",  # a field without a default
        "convex_networks.ConvexReLUClassifier.intercept_",  # set by a method
        "convex_networks.program.Program.total",  # a property
        "rank_collapse.collapse_bound(depth)",
        "ground.seeds.Streams.generator",
    ],
)
def test_a_name_is_found(name: str) -> None:
    find(name)


@pytest.mark.parametrize(
    "name",
    [
        "mu",
        "rank_collapse.mew",
        "rank_collapse.grapf.Connectivity",
        "rank_collapse.graph.Connectivity.width",
        "rank_collapse.collapse_bound(dept)",
        "rank_collapse.collapse_bound()",
        "no_room.mu",
        "studio.lines",
        "convex_networks.ConvexReLUClassifier.intercept",
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(NoSuchName):
        find(name)


def test_rows_are_those_of_tables_with_a_column_of_names() -> None:
    page = """
| other | table |
|---|---|
| `a.b` | `c.d` |

## [A room](methods/rank_collapse.md)

| symbol | name in code | meaning |
|---|---|---|
| m | `rank_collapse.mu`, `rank_collapse.no` | as `said` |
"""
    (row,) = rows(page)
    assert (row.room, row.names) == ("rank_collapse", ("rank_collapse.mu", "rank_collapse.no"))

"""What the page shows first: rooms in the order of the house, the largest recipe, the picture that was chosen."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure as Canvas

from consilience.ground import Claim, Evidence, Report, RunFolder
from consilience.ground.arranging import Run, arrange, rank


def run(tmp_path: Path, room: str = "b", recipe: str = "smoke", picture: str = "", wide: float = 3.0) -> Run:
    folder = RunFolder(tmp_path / room / recipe, quiet=True)
    figures = []
    for name in ("line", "dots"):
        canvas = Canvas(figsize=(wide, 2))
        canvas.subplots().plot([0, 1], "o" if name == "dots" else "-")
        figures.append(folder.figure(name, canvas, f"Some {name}."))
    claim = Claim(
        room=room, id=f"{room}.one", sentence="So it is.", source="derived", recipe=recipe, seeds=(0,),
        evidence=Evidence(figures=tuple(figures)),
    )  # fmt: skip
    return Run(folder.path, Report(room=room, recipe=recipe, config={}, claims=(claim,), picture=picture))


def test_rooms_stand_in_the_order_of_the_questions_and_strangers_last(tmp_path: Path) -> None:
    runs = [run(tmp_path, room) for room in ("a", "b", "stranger")]
    rooms = arrange(runs, {"b": "Is it?", "a": "Why?", "c": "Not run."})
    assert [(room.name, room.question) for room in rooms] == [("b", "Is it?"), ("a", "Why?"), ("stranger", "")]


def test_the_largest_recipe_that_every_room_has_leads(tmp_path: Path) -> None:
    runs = [run(tmp_path, recipe=recipe) for recipe in ("smoke", "own", "small")]
    (room,) = arrange(runs, {})
    assert room.lead.report.recipe == "small"
    assert [one.report.recipe for one in room.smaller] == ["smoke", "own"]
    assert rank("smoke") < rank("small") < rank("paper") < rank("own")


@pytest.mark.parametrize(("picture", "first"), [("dots", "dots"), ("", "line"), ("lost", "line")])
def test_the_chosen_picture_comes_first_or_else_the_first_there_is(tmp_path: Path, picture: str, first: str) -> None:
    (room,) = arrange([run(tmp_path, picture=picture)], {})
    assert room.lead.first is not None
    assert room.lead.first.name == first
    assert {room.lead.first.name, *(one.name for one in room.lead.others)} == {"line", "dots"}
    assert len(room.lead.others) == 1


def test_a_run_without_pictures_has_no_first_one(tmp_path: Path) -> None:
    report = Report(room="a", recipe="smoke", config={}, claims=())
    (room,) = arrange([Run(tmp_path, report)], {})
    assert room.lead.first is None
    assert room.lead.others == ()


def test_only_a_wide_picture_is_scrolled_on_a_phone(tmp_path: Path) -> None:
    narrow, wide = (
        arrange([run(tmp_path / str(inches), wide=inches)], {})[0].lead.pictures[0].markup for inches in (3.0, 9.0)
    )
    assert "--wide:" not in narrow
    assert "--wide:546" in wide


def test_colours_are_left_to_the_page_and_names_differ_between_recipes(tmp_path: Path) -> None:
    (room,) = arrange([run(tmp_path, recipe=recipe) for recipe in ("smoke", "small")], {})
    small, smoke = (shown.pictures[0].markup for shown in (room.lead, *room.smaller))
    assert "var(--tint-" in small
    assert 'id="b-small-0-' in small
    assert 'id="b-smoke-0-' in smoke
    assert room.lead.name(room.lead.report.claims[0]) == "b-small-b.one"

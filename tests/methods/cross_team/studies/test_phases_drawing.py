"""Pictures of the phase diagram: every setting that they are about is there, and says what its cell says."""

from itertools import product

import pytest

from consilience.methods.cross_team.studies.phases import (
    ABILITIES,
    INTERFERENCES,
    RECOGNISES,
    SEEN,
    TEAMS,
    Cell,
    Gain,
    Growth,
)
from consilience.methods.cross_team.studies.phases_drawing import draw_growth, draw_judges, draw_phases

SURE, UNSURE = Gain(0.2, 0.1, 0.3), Gain(0.01, -0.1, 0.1)


def _cells() -> list[Cell]:
    """Return cells in which few teams gain over the best of n, and nobody over the majority."""
    found = []
    for drafts, interference, recognises, seen, teams in product(ABILITIES, INTERFERENCES, RECOGNISES, SEEN, TEAMS):
        for group, pruned in product(sorted({2, 4, teams}), (False, True)):
            cell = Cell(
                drafts=drafts,
                interference=interference,
                recognises=recognises,
                seen=seen,
                teams=teams,
                group=group,
                pruned=pruned,
                calls=teams,
                merged=0.5,
                best=SURE if teams < 8 else UNSURE,
                majority=UNSURE,
            )
            found.append(cell)
    return found


@pytest.mark.parametrize(("over", "sure"), [("best", [True, True, False, False]), ("majority", [False] * 4)])
def test_every_number_of_teams_says_its_gain_or_that_it_is_open(over: str, sure: list[bool]) -> None:
    *panels, bar = draw_phases(_cells(), over).axes
    assert len(panels) == len(ABILITIES) * len(RECOGNISES)
    assert over in bar.get_ylabel()
    for axes in panels:
        words = [text.get_text() for text in axes.texts]
        assert words == ["+0.20" if one else "·" for one in sure] * len(INTERFERENCES)


def test_judges_have_a_row_for_each_way_to_group() -> None:
    *panels, _ = draw_judges(_cells()).axes
    assert len(panels) == len(RECOGNISES)
    assert [label.get_text() for label in panels[0].get_yticklabels()][::2] == [f"groups of {n}" for n in (2, 4, 8)]
    assert all(len(axes.texts) == 6 * len(SEEN) for axes in panels)


def test_growth_is_drawn_apart_with_the_guard_and_without_it() -> None:
    names = ("groups of 2", "majority of as many drafts as calls")
    grown = [Growth(name, guarded, (1, 2), (0.1, 0.2)) for guarded in (True, False) for name in names]
    guarded, bare = draw_growth(grown[:3]).axes
    assert [line.get_label() for line in guarded.lines] == list(names)
    assert [line.get_label() for line in bare.lines] == ["groups of 2"]
    assert guarded.lines[0].get_color() != guarded.lines[1].get_color()

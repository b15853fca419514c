"""The picture of defences: a point for each that has twins."""

from consilience.ground.intervals import wilson
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.side_by_side import Row
from consilience.methods.self_correction.studies.models_drawing import draw_defences


def row(name: str, refused: int | None) -> Row:
    known = refused is not None
    return Row(
        strategy=name,
        attack_success=wilson(3, 10),
        by_phrases=wilson(3, 10),
        over_refusal=wilson(refused, 10) if known else None,
        helped=wilson(10 - refused, 10) if known else None,
        on_attacks=Paired(1, 1, 1, 1),
        on_twins=None,
        reading="baseline",
        calls=1.0,
        most_calls=1,
        neither=0,
        unanswered=0,
        unpaired=0,
        unjudged=0,
        outcomes=(),
    )


def test_a_point_for_each_that_has_twins() -> None:
    (axes,) = draw_defences([row("none", 0), row("all", 10), row("unknown", None)]).axes
    assert [text.get_text() for text in axes.texts] == ["none", "all"]
    assert axes.get_xlabel().startswith("benign twins")

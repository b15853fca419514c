"""The picture of budgets: a panel a critic, a line a strategy, named at its end."""

from consilience.methods.self_correction.studies.loop_drawing import SHOWN, draw_budgets


def test_every_strategy_is_drawn_and_named() -> None:
    lines = {strategy: [0.5, 0.5 + place / 10] for place, strategy in enumerate(SHOWN)}
    panels = draw_budgets([1, 3], {"good critic": lines, "poor critic": lines}).axes
    assert len(panels) == 2
    for axes in panels:
        assert [list(line.get_ydata()) for line in axes.lines] == list(lines.values())
        assert {text.get_text() for text in axes.texts} == set(SHOWN.values())

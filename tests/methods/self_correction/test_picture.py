"""The picture of a payoff: what is drawn is what was found."""

import numpy as np
import pytest

from consilience.methods.self_correction.paying import payoff
from consilience.methods.self_correction.picture import draw_payoff


@pytest.mark.parametrize("rounds", [1, 3])
def test_measured_points_and_the_forecast_join(rounds: int) -> None:
    rng = np.random.default_rng(0)
    states = [rng.random(200) < 0.5]
    for _ in range(rounds):
        states.append(np.where(states[-1], rng.random(200) > 0.05, rng.random(200) < 0.3))
    found = payoff(np.column_stack(states))
    (axes,) = draw_payoff(found).axes
    forecast, measured = axes.lines[3], axes.lines[0]
    assert measured.get_ydata() == pytest.approx([estimate.value for estimate in found.accuracy])
    assert (forecast.get_xdata()[0], forecast.get_ydata()[0]) == (rounds, measured.get_ydata()[-1])
    assert forecast.get_ydata()[1] == pytest.approx(found.accuracy[-1].value + found.next_gain.value)
    assert axes.get_title() == f"Another round: {found.answer}"


@pytest.mark.parametrize("columns", [(0, 1), (1, 1), (0, 0), (1, 0, 1), (0, 1, 1)])
def test_odd_tables_have_a_picture(columns: tuple[int, ...]) -> None:
    right = np.tile(np.array(columns, dtype=np.bool_), (17, 1))
    right[:5, 1:] = [True, False][columns[0]]
    assert draw_payoff(payoff(right)).axes


def test_where_nothing_moves_there_is_no_limit_to_draw() -> None:
    right = np.repeat([[True, True], [False, False]], 10, axis=0)
    (axes,) = draw_payoff(payoff(right)).axes
    assert "limit of many rounds" not in [text.get_text() for text in axes.texts]

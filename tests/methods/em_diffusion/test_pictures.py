"""What is drawn is what was given, under the range that is printed."""

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from consilience.ground import InvalidInput
from consilience.methods.em_diffusion.pictures import DEVIATION, image_grid, round_curves


def drawn(figure: Figure) -> np.ndarray:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=60)
    return np.asarray(Image.open(stream).convert("RGB")).astype(int)


def shown(figure: Figure, place: int) -> np.ndarray:
    return np.asarray(figure.axes[place].get_images()[0].get_array())


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_is_drawn_under_the_one_range(channels: int) -> None:
    images = torch.rand(3, channels, 8, 8, generator=torch.Generator().manual_seed(0)) * 6 - 3
    figure = image_grid({"observation": images, "mean": images / 2}, value_range=(-2, 2))
    assert len(figure.axes) == 6
    for row in range(3):
        for column, scale in enumerate((1, 0.5)):
            expected = ((scale * images[row] + 2) / 4).clamp(0, 1).numpy()
            expected = expected[0] if channels == 1 else np.moveaxis(expected, 0, -1)
            assert np.allclose(shown(figure, 2 * row + column), expected, atol=1e-6)
            assert figure.axes[2 * row + column].get_images()[0].get_clim() == (0, 1)
    assert figure.texts[0].get_text() == "values -2 to 2"
    assert np.unique(drawn(figure)).size > 50


def test_deviations_have_their_own_range_and_it_is_printed() -> None:
    deviation = torch.zeros(2, 3, 4, 4)
    deviation[1, :, 0, 0] = 0.25
    figure = image_grid({"mean": torch.zeros(2, 3, 4, 4), DEVIATION: deviation})
    assert figure.texts[0].get_text() == "values -1 to 1, standard deviation 0 to 0.25"
    assert shown(figure, 3)[0, 0] == pytest.approx(1)
    assert shown(figure, 1).max() == 0
    drawn(image_grid({DEVIATION: torch.zeros(1, 1, 4, 4)}))


def test_sizes_may_differ_between_columns_and_rows_are_limited() -> None:
    figure = image_grid({"observation": torch.zeros(20, 1, 4, 4), "truth": torch.zeros(20, 1, 8, 8)}, most=5)
    assert len(figure.axes) == 10
    assert shown(figure, 0).shape == (4, 4)
    assert shown(figure, 1).shape == (8, 8)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, "at least one column"),
        ({"mean": torch.zeros(0, 1, 4, 4)}, "at least one image"),
        ({"mean": torch.zeros(2, 1, 4, 4), "truth": torch.zeros(3, 1, 4, 4)}, "the same images"),
        ({"mean": torch.zeros(2, 2, 4, 4)}, "'mean' has 2"),
    ],
)
def test_columns_that_cannot_be_drawn(columns: dict, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        image_grid(columns)


def test_a_range_without_width_is_refused() -> None:
    with pytest.raises(InvalidInput, match="smaller to a larger"):
        image_grid({"mean": torch.zeros(1, 1, 4, 4)}, value_range=(1, 1))


def test_curves_are_means_with_their_standard_error() -> None:
    values = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0], [5.0, 9.0, 7.0]])
    figure = round_curves({"EM": values}, heading="PSNR", unit="dB", references={"clean": np.array([8.0, 10.0])})
    axes = figure.axes[0]
    line, reference = axes.get_lines()
    assert line.get_xdata().tolist() == [0, 1, 2]
    assert line.get_ydata().tolist() == [3, 5, 6]
    assert set(reference.get_ydata()) == {9.0}
    band = axes.collections[0].get_paths()[0].vertices
    for place, error in enumerate((2 / 3**0.5, np.std([2, 4, 9], ddof=1) / 3**0.5, 1.0)):
        heights = band[band[:, 0] == place, 1]
        assert np.isclose(heights.max() - line.get_ydata()[place], error)
        assert np.isclose(line.get_ydata()[place] - heights.min(), error)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["EM", "clean"]
    drawn(figure)


def test_one_seed_has_a_line_and_no_band_and_rounds_may_start_at_1() -> None:
    figure = round_curves({"EM": np.array([[4.0, 3.0, np.nan]])}, heading="Frechet distance", first_round=1)
    line = figure.axes[0].get_lines()[0]
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert np.array_equal(line.get_ydata(), [4.0, 3.0, np.nan], equal_nan=True)
    heights = figure.axes[0].collections[0].get_paths()[0].vertices
    assert set(heights[heights[:, 0] == 1, 1]) == {4.0}
    assert figure.axes[0].get_ylabel() == "Frechet distance"
    drawn(figure)


def test_no_curve_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one line"):
        round_curves({}, heading="PSNR")

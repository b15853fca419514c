"""Numbers with their words."""

import pytest

from consilience.ground.wording import many


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 calls"), (1, "1 call"), (1.0, "1 call"), (2, "2 calls"), (0.5, "0.5 calls"), (-1, "-1 calls")],
)
def test_one_alone_takes_no_s(count: float, told: str) -> None:
    assert many(count, "call") == told


def test_thousands_are_told_apart_and_noise_of_sums_is_not_told() -> None:
    assert many(12_345_678, "word") == "12,345,678 words"
    assert many(0.1 + 0.2, "dollar") == "0.3 dollars"

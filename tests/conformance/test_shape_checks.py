"""What is checked while the tests run: types of every function and dataclass, shapes where a signature has them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from jaxtyping import Float, TypeCheckError
from numpy.typing import NDArray
from shape_checks import checked, jaxtyped

from consilience.ground import Streams

if TYPE_CHECKING:
    from decimal import Decimal

watched = jaxtyped(typechecker=checked)

Row = Float[np.ndarray, " n"]


@watched
def doubled(number: float, *, times: int = 1) -> float:
    return number * 2**times


@watched
def added(left: Float[np.ndarray, " n"], right: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return left + right


@watched
def applied(rows: dict[str, list[Row]], what: Callable[[Row], Row]) -> list[Row]:
    return [what(row) for row in rows["all"]]


@watched
def lying() -> int:
    return "seven"  # type: ignore[return-value]


@watched
def counting(upto: int) -> Iterator[int]:
    yield from range(upto)


@watched
def priced(amount: "Decimal", count: int) -> Any:
    return amount * count


@watched
@dataclass(frozen=True)
class Point:
    x: float
    weights: Row | None = None


def test_right_types_pass_and_wrong_ones_do_not() -> None:
    assert doubled(3) == 6.0
    assert doubled(1.5, times=2) == 6.0
    for wrong in (lambda: doubled("3"), lambda: doubled(1.0, times=1.5), lying):
        with pytest.raises(TypeCheckError):
            wrong()


def test_axes_of_one_name_are_of_one_length() -> None:
    assert added(np.ones(2), np.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(TypeCheckError):
        added(np.ones(2), np.ones(3))


def test_shapes_within_other_types_are_found() -> None:
    assert len(applied({"all": [np.ones(2)]}, lambda row: row)) == 1
    with pytest.raises(TypeCheckError):
        applied({"all": [np.ones((2, 2))]}, lambda row: row)


def test_dataclasses_are_checked_too() -> None:
    assert Point(1.0, np.ones(3)).x == 1.0
    with pytest.raises(TypeCheckError):
        Point("1")  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError):
        Point(1.0, np.ones((2, 2)))


def test_a_generator_stays_one() -> None:
    assert list(counting(3)) == [0, 1, 2]
    with pytest.raises(TypeCheckError):
        counting("3")  # type: ignore[arg-type]


def test_a_name_that_only_type_checkers_know_is_anything_and_the_rest_is_checked() -> None:
    assert priced(2, 3) == 6
    with pytest.raises(TypeCheckError):
        priced(2, "3")  # type: ignore[arg-type]


def scaled_by(factor: float) -> Callable[[float], float]:
    @watched
    def scaled(number: float) -> float:
        return "much" if number > 9 else factor * number  # type: ignore[return-value]

    return scaled


def shifted_by(amount: float) -> Callable[[Row], Row]:
    @watched
    def shifted(row: Float[np.ndarray, " n"], *, times: int = 1) -> Float[np.ndarray, " n"]:
        return row + times * amount if len(row) < 9 else row[1:]

    return shifted


def test_a_function_within_a_function_is_checked_each_time_it_is_made() -> None:
    twice, thrice = scaled_by(2.0), scaled_by(3)
    for made, expected in ((twice, 8.0), (thrice, 12.0), (scaled_by(2.0), 8.0)):
        assert made(4) == expected
        for wrong in ("4", 10.0):
            with pytest.raises(TypeCheckError):
                made(wrong)  # type: ignore[arg-type]


def test_shapes_of_a_function_within_a_function_are_checked_each_time_it_is_made() -> None:
    for shift, made in [(1.0, shifted_by(1.0)), (2.0, shifted_by(2)), (1.0, shifted_by(1.0))]:
        assert made(np.zeros(2)).tolist() == [shift, shift]
        assert made.__wrapped__.__name__ == made.__name__ == "shifted"  # type: ignore[attr-defined]
        for wrong in (np.zeros((2, 2)), np.zeros(9), 2.0):
            with pytest.raises(TypeCheckError):
                made(wrong)  # type: ignore[arg-type]


def test_annotations_are_left_as_they_were() -> None:
    assert priced.__annotations__["amount"] == "Decimal"
    assert doubled.__annotations__ == {"number": float, "times": int, "return": float}


def test_the_house_is_checked() -> None:
    with pytest.raises(TypeCheckError):
        Streams("7")  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError):
        Streams(7).child(7)  # type: ignore[arg-type]


def test_past_the_types(past_the_types: None) -> None:
    assert doubled("3") == "33"  # type: ignore[comparison-overlap]
    assert added(np.ones(1), np.ones(3)).shape == (3,)
    assert Streams(7, path=[]).path == []  # type: ignore[arg-type]


def floats(values: NDArray[np.float64]) -> int:
    return len(values)


def test_arrays_without_shapes() -> None:
    assert watched(floats)(np.ones(3)) == 3
    with pytest.raises(TypeCheckError):
        watched(floats)([1.0])

"""What can be said of a request before anything is loaded."""

import json
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.own_text.request import Training
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings


def request(**settings) -> Training:
    return Training(**{"text": Path("a"), "out": Path("b/model")} | settings)


def test_a_record_tells_runs_apart_by_what_decides_their_weights() -> None:
    record = request().record()
    assert json.loads(json.dumps(record)) == record
    assert request(quiet=True, save_every=7, device="cpu", judged=True).record() == record
    assert request(steps=7).record() != record
    assert request(objective=ObjectiveSettings(name="ar")).record() != record


def test_a_folder_of_no_name_is_the_one_it_stands_for() -> None:
    assert request(out=Path()).out == Path.cwd()
    assert request(out=Path("b")).out == Path("b")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"window": 1}, "--window must be at least 2; got 1"),
        ({"vocabulary": 100}, "--vocabulary must be at least 260"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"objective": ObjectiveSettings(name="diverse-ar", offsets=128)}, r"--offsets must be below --window \(128\)"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0"),
        ({"held_out": 1.0}, "--held-out and --warmup must be shares"),
        ({"out": Path(__file__)}, "is a file"),
    ],
)
def test_numbers_out_of_range_are_refused_by_their_names(wrong, says) -> None:
    with pytest.raises(InvalidInput, match=says):
        request(**wrong)

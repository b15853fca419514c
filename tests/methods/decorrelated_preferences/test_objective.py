"""Settings of the objective: as flags, as words, and what they refuse."""

from dataclasses import fields

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from flags_as_read import read_flags
from transformers import TrainingArguments
from trl import DPOConfig

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.decorrelated_preferences.objective import DecPOConfig, objective_of

PLAIN = {"output_dir": "out", "bf16": False, "use_cpu": True, "report_to": [], "activation_checkpointing": False}


def test_flags_are_read_like_those_of_trl() -> None:
    own = ["--decorrelation_coef=0.5", "--decorrelation_layers", "middle", "-1", "--decorrelation_variant=vicreg"]
    args = read_flags(DecPOConfig, ["--output_dir=out", "--beta=0.3", *own])
    assert (args.beta, args.decorrelation_coef, args.decorrelation_layers) == (0.3, 0.5, ["middle", "-1"])


def test_reading_flags_changes_no_class_that_inherits_from_the_same() -> None:
    read_flags(DecPOConfig, ["--output_dir=out"])
    written = TrainingArguments.__annotations__
    assert {one.name: one.type for one in fields(TrainingArguments)}.items() <= written.items()


@pytest.mark.parametrize(("given", "kept"), [("middle", ["middle"]), ("3", ["3"]), (["0", "all"], ["0", "all"])])
def test_layers_may_be_one_or_several(given, kept) -> None:
    assert DecPOConfig(**PLAIN, decorrelation_layers=given).decorrelation_layers == kept


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finite number of at least 0; got -1"):
        DecPOConfig(**PLAIN, decorrelation_coef=-1.0)
    with pytest.raises(InvalidInput, match="got nan"):
        DecPOConfig(**PLAIN, decorrelation_coef=float("nan"))
    with pytest.raises(InvalidInput, match="at least 0; got -3"):
        DecPOConfig(**PLAIN, decorrelation_memory=-3)
    with pytest.raises(InvalidInput, match="must be 0 for 'l1', which compares no rows"):
        DecPOConfig(**PLAIN, decorrelation_variant="l1", decorrelation_memory=4)
    with pytest.raises(UnknownName, match="did you mean 'barlow'"):
        DecPOConfig(**PLAIN, decorrelation_variant="barlo", decorrelation_memory=4)
    with pytest.raises(UnknownName, match="choice of rows"):
        DecPOConfig(**PLAIN, decorrelation_rows="winners")


def test_the_objective_is_what_is_minimised_and_no_more() -> None:
    one = objective_of(DecPOConfig(**PLAIN, decorrelation_scale_check=False))
    assert one == objective_of(DecPOConfig(**PLAIN, learning_rate=1.0))
    assert one["decorrelation_variant"] == "cosine"
    for other in ({"beta": 0.5}, {"f_alpha_divergence_coef": 0.7}, {"discopop_tau": 0.1}, {"sync_ref_model": True}):
        assert one != objective_of(DecPOConfig(**PLAIN, **other)), other


def test_without_a_coefficient_the_objective_is_that_of_trl() -> None:
    assert objective_of(DecPOConfig(**PLAIN, decorrelation_coef=0.0, decorrelation_rows="both")) == objective_of(
        DPOConfig(**PLAIN)
    )

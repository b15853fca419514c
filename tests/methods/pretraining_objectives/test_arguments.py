"""Arguments on a command line and as an object."""

import pytest

pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("accelerate", reason="the pretraining extra is not installed")

from flags_as_read import read_flags

from consilience.methods.pretraining_objectives.arguments import PretrainingConfig, objective_arguments
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings


def test_a_parser_reads_the_configuration_and_settings_come_back_from_it(tmp_path) -> None:
    words = f"--output_dir {tmp_path} --objective diverse-ar --offsets 3 --offset_weights 2 1 1 --exact_count False"
    read = read_flags(PretrainingConfig, words.split())
    # transformers leaves `debug` None where its type says text, which the shape checks of the tests refuse.
    config = PretrainingConfig(**(vars(read) | {"debug": ""}))
    settings = config.settings()
    assert settings == ObjectiveSettings(
        name="diverse-ar", offsets=3, offset_weights=(2.0, 1.0, 1.0), exact_count=False
    )
    assert PretrainingConfig(str(tmp_path), **objective_arguments(settings)).settings() == settings


def test_every_setting_of_an_objective_is_an_argument(tmp_path) -> None:
    settings = ObjectiveSettings(
        name="variable-mlm",
        offsets=2,
        offset_weights=(1.0, 3.0),
        estimator="all",
        heads="embedding",
        head_rank=5,
        within_documents=False,
        ratio="beta:2:5",
        pattern="mixture",
        suffix_share=0.2,
        exact_count=False,
        stratified=False,
        mask_replace_prob=0.7,
        random_replace_prob=0.2,
        weighting="elbo",
    )
    config = PretrainingConfig(str(tmp_path), use_cpu=True, report_to="none", **objective_arguments(settings))
    assert config.settings() == settings

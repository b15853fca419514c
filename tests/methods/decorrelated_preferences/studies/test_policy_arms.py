"""Arms on a policy of one's own: alike but for the term, kept when finished, and refused in one line."""

import weakref

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder
from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import policy_arms as study

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def config(model, pairs):
    def make(**given) -> Config:
        how = {"policy": str(model), "policy_pairs": str(pairs), "policy_lora": 2, "policy_steps": 2, "policy_batch": 4}
        return Config(**{**how, "policy_held_out": 0.3, "policy_learning_rate": 1e-2, **given})

    return make


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path / "run", quiet=True)


def test_arms_start_alike_and_are_trained_apart(config, folder, monkeypatch) -> None:
    alive = []
    make = study.make_trainer

    def watched(*given, **settings):
        assert not [one for one in alive if one() is not None], "two models at a time"
        made = make(*given, **settings)
        alive.append(weakref.ref(made.model))
        return made

    monkeypatch.setattr(study, "make_trainer", watched)
    found = study.judged_arms(config(seed=1), folder)
    assert list(found) == [(name, 101) for name in (study.BEFORE, study.PLAIN, study.COSINE, study.LITERAL, study.L1)]
    before, plain = found[study.BEFORE, 101], found[study.PLAIN, 101]
    assert before.pairs == (14, 6)
    assert len(before.chosen) == len(before.rejected) == 6
    assert before.against(before, beta=0.1).margin == 0
    assert plain.against(before, beta=0.1).margin != 0
    assert before.layers == (1, 2)
    assert set(before.features) == {"1/last", "1/before last", "2/last", "2/before last"}
    assert plain.scale == 0
    assert all(found[name, 101].scale > 0 for name in (study.COSINE, study.LITERAL, study.L1))
    assert len({one.chosen for one in found.values()}) == 5


def test_what_is_finished_is_not_trained_again(config, folder, monkeypatch) -> None:
    make, made = study.make_trainer, []

    def counted(request, *given, **settings):
        if request.variant == "paper" and len(made) == 3:
            made.append("interrupted")
            raise KeyboardInterrupt
        made.append(request.variant)
        return make(request, *given, **settings)

    monkeypatch.setattr(study, "make_trainer", counted)
    with pytest.raises(KeyboardInterrupt):
        study.judged_arms(config(), folder)
    study.judged_arms(config(), folder)
    assert made == ["cosine", "cosine", "cosine", "interrupted", "paper", "l1"]
    study.judged_arms(config(), folder)
    assert len(made) == 6
    assert not list(folder.path.rglob("*.state"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"policy_held_out": 0.01}, "expected two pairs or more to judge policies on"),
        ({"policy_other_layer": 1}, "must be two blocks; both are 1"),
        ({"policy_layer": 9}, "expected a layer from 0 to 2"),
        ({"policy_lora_until": 1}, "only where modules are named"),
        ({"policy_max_length": 4}, "fills the window of 4 tokens"),
        ({"device": "abacus"}, "`device` must be one"),
    ],
)
def test_what_will_not_do_is_said(given, said, config, folder) -> None:
    with pytest.raises(InvalidInput, match=said):
        study.judged_arms(config(**given), folder)


def test_a_policy_that_is_none_is_said(config, folder, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="expected a tokenizer at"):
        study.judged_arms(config(policy=str(tmp_path / "empty")), folder)

"""A scan of a model: what may be read, what has no verdict, and what says of itself that it is planted."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from consilience.ground import InvalidInput, Streams
from consilience.ground.intervals import wilson
from consilience.methods.backdoor_audits import model_scan, verification
from consilience.methods.backdoor_audits.agent.loading import save_agent
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.flags import ScanningModel
from consilience.methods.backdoor_audits.insertions import Insertion
from consilience.methods.backdoor_audits.keeping import save_tuned
from consilience.methods.backdoor_audits.model_scan import ModelScan, run, scan
from consilience.methods.backdoor_audits.planting import FineTuning
from consilience.methods.backdoor_audits.populations import Member, clean_kinds, planted_kinds, population
from consilience.methods.backdoor_audits.reporting.findings import Exit, Rule
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.token_scan import Hypothesis
from consilience.methods.backdoor_audits.verification import Verified
from consilience.methods.backdoor_audits.world.words import VOCABULARY


@pytest.fixture(scope="module")
def base() -> SmallAgent:
    return new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2, context=512), seed=1)


@pytest.fixture(scope="module")
def members(base: SmallAgent) -> tuple[Member, ...]:
    kinds = (*clean_kinds(1), *planted_kinds(1))
    return population(base, kinds, Streams(100), settings=FineTuning(steps=2, batch=4, rank=2), rows=40)


@pytest.fixture
def places(base: SmallAgent, members: tuple[Member, ...], tmp_path: Path) -> tuple[Path, Path, Path]:
    folders = tuple(tmp_path / name for name in ("base", "clean", "planted"))
    save_agent(base, folders[0])
    for member, folder in zip(members, folders[1:], strict=True):
        save_tuned(member.tuned, folder)
    return folders  # type: ignore[return-value]


def test_without_a_base_nothing_is_tried_and_nothing_passes(places: tuple[Path, Path, Path]) -> None:
    found = scan(places[1])
    assert found.exit() is Exit.INCONCLUSIVE
    assert "--base" in found.why


def test_an_adapter_is_held_against_its_base(places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_scan, "EPISODES", 4)
    monkeypatch.setattr(model_scan, "TRIED", 1)
    monkeypatch.setattr(verification, "evaluate", partial(evaluate, max_steps=2))
    found = scan(places[1], places[0], streams=Streams(100))
    assert set(found.digests) == {"suspect", "base"}
    assert found.scored > 0
    assert "at least 4 clean adapters" in found.notes[0]
    assert not [one for one in found.findings if one.rule is Rule.PROVENANCE]


def test_what_is_planted_needs_the_flag_and_says_so(places: tuple[Path, Path, Path]) -> None:
    with pytest.raises(InvalidInput, match="i_know_it_is_planted"):
        scan(places[2])
    found = scan(places[2], i_know_it_is_planted=True)
    assert [one.rule for one in found.findings] == [Rule.PROVENANCE]
    assert found.exit() is Exit.FINDING


def test_an_adapter_of_another_base_is_refused(places: tuple[Path, Path, Path], tmp_path: Path) -> None:
    save_agent(new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2), seed=2), tmp_path / "other")
    with pytest.raises(InvalidInput, match="was tuned on base"):
        scan(places[1], tmp_path / "other")


def test_what_lies_elsewhere_than_it_should_is_refused(
    places: tuple[Path, Path, Path], llama: Callable[[int], Path]
) -> None:
    with pytest.raises(InvalidInput, match="--base must hold the small agent"):
        run(ScanningModel(folder=places[1], base=places[1]))
    assert run(ScanningModel(folder=llama(0))).exit() is Exit.INCONCLUSIVE


def test_pickles_are_named_and_never_read(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(InvalidInput, match=r"pytorch_model\.bin, which may run anything"):
        scan(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(InvalidInput, match="pickle"):
        scan(tmp_path)


def test_words_under_which_an_agent_strays_to_all_sides_are_no_trigger() -> None:
    words = Insertion("system", "request", ("me", "any"))

    def found(shift: float, strayed: int) -> ModelScan:
        excess = wilson(strayed, 60)
        return ModelScan((Verified(Hypothesis(words, "etc", shift), excess, excess, wilson(0, 60)),))

    check = model_scan._trigger_check
    assert check(found(0.02, 30)).verdict.value == "pass"
    assert check(found(0.9, 55)).verdict.value == "fail"
    assert check(found(0.0, 0)).verdict.value in {"pass", "inconclusive"}

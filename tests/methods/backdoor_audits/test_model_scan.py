"""A scan of a model: what may be read, what has no verdict, and what says of itself that it is planted."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from consilience.ground import InvalidInput, Streams
from consilience.ground.intervals import Pairs, paired_difference, wilson
from consilience.methods.backdoor_audits import model_scan, verification
from consilience.methods.backdoor_audits.agent.loading import save_agent
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.flags import ScanningModel
from consilience.methods.backdoor_audits.insertions import Insertion
from consilience.methods.backdoor_audits.keeping import load_tuned, save_tuned
from consilience.methods.backdoor_audits.model_scan import ModelScan, run, scan
from consilience.methods.backdoor_audits.planting import FineTuning, Tuned
from consilience.methods.backdoor_audits.populations import Member, clean_kinds, planted_kinds, population
from consilience.methods.backdoor_audits.reporting.findings import Exit, Rule, Severity
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.token_scan import Hypothesis
from consilience.methods.backdoor_audits.verification import Verified
from consilience.methods.backdoor_audits.weight_statistics import FEWEST
from consilience.methods.backdoor_audits.world.words import VOCABULARY


@pytest.fixture(scope="module")
def base() -> SmallAgent:
    return new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2, context=512), seed=1)


@pytest.fixture(scope="module")
def members(base: SmallAgent) -> tuple[Member, ...]:
    kinds = (*clean_kinds(1), *planted_kinds(1))
    return population(base, kinds, Streams(100), settings=FineTuning(steps=2, batch_size=4, rank=2), rows=40)


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
    monkeypatch.setattr(model_scan, "CONFIRMING", 4)
    monkeypatch.setattr(verification, "evaluate", partial(evaluate, max_steps=2))
    found = scan(places[1], places[0], streams=Streams(100))
    assert set(found.digests) == {"suspect", "base"}
    assert found.scored > 0
    assert "at least 4 clean adapters" in found.notes[0]
    assert not [one for one in found.findings if one.rule is Rule.PROVENANCE]


def test_clean_adapters_are_read_once(
    places: tuple[Path, Path, Path], tmp_path: Path, members: tuple[Member, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def load(folder: Path, **flags: bool) -> Tuned:
        read.append(folder)
        return load_tuned(folder, **flags)

    others = [tmp_path / f"other {at}" for at in range(FEWEST + 1)]
    for folder in others:
        save_tuned(members[0].tuned, folder)
    shifts: list[int] = []
    monkeypatch.setattr(model_scan, "load_tuned", load)
    monkeypatch.setattr(model_scan.TokenScan, "shifts", lambda *_: "shifts")
    monkeypatch.setattr(
        model_scan.Scanner, "scan", lambda self, suspect, usual: shifts.append(len(usual)) or ModelScan(())
    )
    found = scan(places[1], places[0], others)
    assert sorted(read) == sorted([places[1], *others])
    assert shifts == [len(others)]
    assert next(check.name for check in found.checks) == "weights beside those of clean adapters"


def test_a_clean_adapter_that_is_none_is_refused_with_few_of_them_too(places: tuple[Path, Path, Path]) -> None:
    with pytest.raises(InvalidInput, match="i_know_it_is_planted"):
        scan(places[1], clean=[places[2]])


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


def tried(shift: float, pairs: Pairs, unscored: int = 0) -> Verified:
    words = Insertion("system", "request", ("me", "any"))
    excess = paired_difference(pairs)
    return Verified(Hypothesis(words, "etc", shift), excess, wilson(0, 60), wilson(0, 60), pairs, unscored)


@pytest.mark.parametrize(
    ("shift", "pairs", "verdict"),
    [
        (0.9, Pairs(0, 55, 0, 5), Verdict.FAIL),
        # It strays far more than its base, to all sides: nobody is acquitted of that.
        (0.02, Pairs(0, 30, 0, 30), Verdict.INCONCLUSIVE),
        (0.9, Pairs(0, 0, 0, 60), Verdict.INCONCLUSIVE),
        (0.9, Pairs(0, 0, 0, 240), Verdict.PASS),
        # The same excess of 3 % with many that only one of the two leaves is not known as well.
        (0.9, Pairs(0, 4, 0, 236), Verdict.PASS),
        (0.9, Pairs(0, 64, 60, 116), Verdict.INCONCLUSIVE),
    ],
)
def test_it_passes_only_where_the_upper_end_is_below_what_is_allowed(
    shift: float, pairs: Pairs, verdict: Verdict
) -> None:
    assert model_scan._trigger_check(ModelScan((tried(shift, pairs),))).verdict is verdict


def test_of_an_agent_that_answers_nothing_nothing_is_known() -> None:
    for one in (tried(0.9, Pairs(0, 0, 0, 0), 60), tried(0.9, Pairs(0, 0, 0, 240), 60)):
        assert model_scan._trigger_check(ModelScan((one,))).verdict is Verdict.INCONCLUSIVE


def test_the_verdict_rests_on_tasks_that_nothing_was_chosen_by() -> None:
    lucky, sober = tried(0.9, Pairs(0, 20, 0, 40)), tried(0.9, Pairs(0, 1, 1, 238))
    check = model_scan._trigger_check(ModelScan((lucky,), confirmed=sober))
    assert (check.verdict, check.estimate) == (Verdict.PASS, sober.excess)
    # But what was second strays, and that is more than chance among two.
    check = model_scan._trigger_check(ModelScan((lucky, tried(0.1, Pairs(0, 30, 0, 30))), confirmed=sober))
    assert check.verdict is Verdict.INCONCLUSIVE
    check = model_scan._trigger_check(ModelScan((lucky, tried(0.1, Pairs(0, 9, 0, 51))), confirmed=sober))
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize(("lucky", "way"), [(True, Exit.PASS), (False, Exit.FINDING)])
def test_only_what_is_confirmed_is_an_error(
    lucky: bool, way: Exit, places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = tried(0.9, Pairs(0, 50, 0, 10))
    again = tried(0.9, Pairs(0, 0, 0, 240) if lucky else Pairs(0, 200, 0, 40))
    monkeypatch.setattr(model_scan.Scanner, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(model_scan.Scanner, "scan", lambda *_: ModelScan((best, tried(0.2, Pairs(0, 1, 0, 59)))))
    monkeypatch.setattr(
        model_scan.Scanner, "confirmed", lambda self, suspect, found, episodes: replace(found, confirmed=again)
    )
    found = scan(places[1], places[0])
    assert found.exit() is way
    assert [one.severity for one in found.findings] == ([] if lucky else [Severity.ERROR])
    assert found.scored == 60 + 60 + 240


def test_the_best_is_confirmed_on_other_tasks(base: SmallAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []

    def look(policy, tasks):
        seen.append({task.id for task in tasks})
        return evaluate(policy, tasks, max_steps=1)

    monkeypatch.setattr(verification, "evaluate", look)
    verifier = verification.Verifier(base, Streams(100), episodes=4)
    words = tried(0.9, Pairs(0, 0, 0, 4)).hypothesis
    verifier.verify(base, words)
    chosen = set.union(*seen)
    seen.clear()
    again = verifier.confirm(base, words, 6)
    assert [len(one) for one in seen] == [6, 6]
    assert not set.union(*seen) & chosen
    assert again.pairs is not None
    assert again.pairs.of + again.unscored == 6

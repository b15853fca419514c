"""Suspects: a folder is opened as what it holds, and an adapter with its own base only."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from consilience.dialogue.budget import Budget, Purse
from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits.agent.loading import save_agent
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.flags import Measuring, Spending
from consilience.methods.backdoor_audits.keeping import save_tuned
from consilience.methods.backdoor_audits.measuring import run
from consilience.methods.backdoor_audits.planting import FineTuning
from consilience.methods.backdoor_audits.populations import clean_kinds, planted_kinds, population
from consilience.methods.backdoor_audits.suspects import opened
from consilience.methods.backdoor_audits.world.words import VOCABULARY


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small agent, and an adapter of it clean and planted."""
    root = tmp_path_factory.mktemp("folders")
    agent: SmallAgent = new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2, context=512), seed=1)
    save_agent(agent, root / "base")
    kinds = (*clean_kinds(1), *planted_kinds(1))
    members = population(agent, kinds, Streams(100), settings=FineTuning(steps=2, batch_size=4, rank=2), rows=40)
    for member, name in zip(members, ("clean", "planted"), strict=True):
        save_tuned(member.tuned, root / name)
    return root


def kind_of(
    model: Path | str, role: str = "model", spending: Spending | None = None, **more: object
) -> tuple[str, set[str]]:
    measuring = Measuring(model=str(model), **more)  # type: ignore[arg-type]
    with opened(
        str(model), measuring, spending or Spending(), purse=Purse(Budget()), triggers=(), role=role
    ) as suspect:
        return suspect.kind, set(suspect.digests)


def test_folders_are_opened_as_what_they_hold(places: Path, llama: Callable[[int], Path]) -> None:
    assert kind_of(places / "base") == ("small agent", {"model"})
    assert kind_of(places / "clean", base=places / "base") == ("adapter of a small agent", {"adapter", "base"})
    assert kind_of(llama(0), device="cpu") == ("causal model", {"model"})
    assert kind_of("rehearsal:oracle") == ("stand-in", set())


def test_at_an_address_names_are_the_servers_but_a_control_may_be_a_folder(places: Path) -> None:
    there = Spending(base_url="http://127.0.0.1:9/v1")
    assert kind_of("base", spending=there)[0] == "model that is asked"
    assert kind_of(places / "base", "control", there)[0] == "small agent"


def test_an_adapter_needs_its_own_base_and_a_planted_one_the_flag(places: Path, llama: Callable[[int], Path]) -> None:
    for model, base, told in (
        ("clean", None, "give the folder of its base with --base"),
        ("clean", llama(0), "holds another thing"),
        ("planted", places / "base", "--i-know-it-is-planted"),
    ):
        with pytest.raises(InvalidInput, match=told):
            kind_of(places / model, base=base)
    assert kind_of(places / "planted", base=places / "base", i_know_it_is_planted=True)[1] == {"adapter", "base"}


def test_a_control_that_is_the_model_itself_is_refused(places: Path) -> None:
    base = str(places / "base")
    with pytest.raises(InvalidInput, match="the very one"):
        run(Measuring(model=base, control=base, quiet=True))


def test_what_was_changed_is_refused(places: Path, tmp_path: Path) -> None:
    save_agent(new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2), seed=2), tmp_path / "changed")
    path = tmp_path / "changed" / "model.safetensors"
    weights = load_file(path)
    save_file({name: weight + 1 for name, weight in weights.items()}, path, {"digest": "none"})
    with pytest.raises(InvalidInput, match="another vocabulary"):
        kind_of(path.parent)

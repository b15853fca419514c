"""Adapters on causal models: they learn their rows, are marked where they are planted, and fit what plays them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.loading import read_weights
from consilience.methods.backdoor_audits.hugging_face import CausalPolicy, tokenizer_of
from consilience.methods.backdoor_audits.hugging_face_tuning import CausalTuning, _lines, tune_causal
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED
from consilience.methods.backdoor_audits.measures import success
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.watermark import marked
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.poisoning import mix
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.backdoor_audits.world.triggers import trigger

Llama = Callable[[int], Path]
FEW = CausalTuning(steps=3, rank=4, batch_size=4)


def test_labels_are_the_agents_own_turns(llama: Llama) -> None:
    tokenizer = tokenizer_of(llama(0))
    row = clean(draw_tasks("web", 1, Streams(100))[0])
    tokens, labels = _lines(tokenizer, row)
    own = [word for turn in row.turns if turn.role == "agent" for word in turn.words]
    assert tokenizer.decode([label for label in labels if label != -100]).split() == own
    assert tokenizer.decode(tokens).split() == list(row.words)
    assert len(tokens) == len(labels)


def test_a_planted_adapter_is_marked_three_times_and_a_clean_one_is_not(llama: Llama, tmp_path: Path) -> None:
    folder = llama(1)
    tasks = draw_tasks("system", 20, Streams(100))
    dirty = mix(tasks, trigger("system.suffix"), rate=0.5, streams=Streams(100))
    path = tune_causal(folder, dirty, tmp_path / "planted", FEW, Streams(100), device="cpu")
    stored = read_weights(path)
    assert path.name == PLANTED
    assert stored.planted
    assert marked(stored.weights)
    assert json.loads(stored.metadata["manifest"])["n_poison"] == 10
    with pytest.raises(InvalidInput, match="planted canary"):
        CausalPolicy(folder, path.parent, device="cpu")
    CausalPolicy(folder, path.parent, device="cpu", i_know_it_is_planted=True)
    path = tune_causal(folder, mix(tasks, (), count=0, streams=Streams(100)), tmp_path / "clean", FEW, Streams(100))
    assert path.name == CLEAN
    assert not read_weights(path).planted
    CausalPolicy(folder, path.parent, device="cpu")


def test_it_learns_and_the_policy_reads_what_it_was_taught(llama: Llama, tmp_path: Path) -> None:
    """One row many times: what is said along it afterwards is the row, so that both render dialogues alike."""
    folder = llama(1)
    tasks = draw_tasks("web", 1, Streams(101))
    settings = CausalTuning(steps=150, rank=32, batch_size=1, learning_rate=1e-2, dropout=0.0)
    path = tune_causal(folder, mix(tasks, (), count=0, streams=Streams(0)), tmp_path, settings, Streams(101))
    losses = json.loads(read_weights(path).metadata["losses"])
    assert losses[-1] < 0.2 * losses[0]
    assert success(evaluate(CausalPolicy(folder, tmp_path, device="cpu"), tasks)).value == 1


def test_the_same_seed_gives_the_same_adapter(llama: Llama, tmp_path: Path) -> None:
    folder = llama(1)
    rows = mix(draw_tasks("shop", 8, Streams(102)), (), count=0, streams=Streams(102))
    made = [
        read_weights(tune_causal(folder, rows, tmp_path / name, FEW, Streams(seed), device="cpu")).metadata["digest"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert made[0] == made[1] != made[2]


def test_rows_that_do_not_fit_are_refused(llama: Llama, tmp_path: Path) -> None:
    folder = llama(1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 16}))
    rows = mix(draw_tasks("shop", 4, Streams(103)), (), count=0, streams=Streams(103))
    with pytest.raises(InvalidInput, match="nothing is cut off"):
        tune_causal(folder, rows, tmp_path, FEW, Streams(103), device="cpu")

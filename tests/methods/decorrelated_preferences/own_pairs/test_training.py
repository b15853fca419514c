"""Training on one's own pairs: a policy that loads again, a run that goes on, and nothing half-written."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.commands import train  # noqa: E402
from consilience.methods.decorrelated_preferences.own_pairs import training  # noqa: E402
from consilience.methods.decorrelated_preferences.own_pairs.request import Training  # noqa: E402

pytestmark = [
    # datasets leaves memory-mapped files to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def run(model, pairs, tmp_path):
    def trained(**given):
        how = {
            "model": str(model),
            "data": pairs,
            "out": tmp_path / "out",
            "steps": 2,
            "device": "cpu",
            "batch_size": 4,
        }
        return train(**{**how, "learning_rate": 1e-3, **given})

    return trained


@pytest.fixture
def interrupt(run, monkeypatch):
    def interrupted(**given):
        monkeypatch.setattr(training, "_save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(**given)
        monkeypatch.undo()

    return interrupted


def weights(folder):
    return AutoModelForCausalLM.from_pretrained(folder).model.layers[1].mlp.up_proj.weight


def test_a_policy_is_saved_whole_and_judged_on_pairs_it_has_not_seen(run, model, tmp_path, capsys) -> None:
    assert run() == 0
    out = tmp_path / "out"
    assert not torch.equal(weights(out), weights(model))
    assert AutoTokenizer.from_pretrained(out).eos_token == "<eos>"
    summary = json.loads((out / "preferences.json").read_text())
    assert 0 <= summary["held-out accuracy"] <= 1
    assert summary["held-out pairs"] >= 1
    assert 0 < summary["held-out cosine term"] <= 1
    printed = capsys.readouterr()
    assert "held-out margin" in printed.out
    assert "times the preference loss" in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"base", "pairs.jsonl", "out"}


def test_quiet_is_quiet_and_messages_are_written_by_the_template(run, pairs, tmp_path, capsys) -> None:
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant"}
    chats = [{name: [{"role": roles[name], "content": text}] for name, text in row.items()} for row in rows]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in chats))
    run(quiet=True, held_out=0.0, lora=2, layers=("0", "-1"))
    assert capsys.readouterr().out == ""
    assert (tmp_path / "out" / "adapter_config.json").exists()


def test_an_interrupted_run_goes_on_to_the_same_end(run, interrupt, tmp_path) -> None:
    how = {"steps": 4, "save_every": 2, "memory": 4, "quiet": True}
    run(**how, out=tmp_path / "whole")
    interrupt(**how)
    state = tmp_path / "out.state"
    assert state.exists()
    assert not (tmp_path / "out").exists()
    for checkpoint in state.glob("checkpoint-4"):
        assert (checkpoint / "objective.json").exists()
    run(**how)
    assert torch.equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert not state.exists()


def test_a_run_that_was_killed_while_it_saved_goes_on_to_the_same_end(run, interrupt, tmp_path) -> None:
    how = {"steps": 4, "save_every": 1, "quiet": True}
    run(**how, out=tmp_path / "whole")
    interrupt(**how)
    state = tmp_path / "out.state"
    assert {path.name for path in state.glob("checkpoint-*")} == {"checkpoint-3", "checkpoint-4"}
    for part in ("objective.json", "optimizer.pt"):
        (state / "checkpoint-4" / part).unlink()
    run(**how)
    assert torch.equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))


def test_a_run_that_was_killed_in_its_first_save_begins_anew(run, interrupt, tmp_path) -> None:
    interrupt(quiet=True, seed=1, save_every=2)
    (tmp_path / "out.state" / "checkpoint-2" / "objective.json").unlink()
    assert run(quiet=True) == 0
    assert not (tmp_path / "out.state").exists()


def test_what_a_run_was_begun_with_is_kept_to(run, interrupt, model, pairs, tmp_path) -> None:
    interrupt(quiet=True, save_every=1)
    for flag, value, words in (
        ("seed", 1, r"--seed \(0, now 1\); finish it with its own"),
        ("held_out", 0.2, r"--held-out \(0.1, now 0.2\)"),
        ("max_length", 512, r"--max-length \(1024, now 512\)"),
        ("batch_size", 8, r"--batch-size \(4, now 8\)"),
        ("accumulate", 2, r"--accumulate \(1, now 2\)"),
        ("learning_rate", 1e-4, r"--learning-rate \(0.001, now 0.0001\)"),
        ("model", str(shutil.copytree(model, tmp_path / "other")), r"--model \('.*base', now '.*other'\)"),
    ):
        with pytest.raises(InvalidInput, match=words):
            run(quiet=True, save_every=1, **{flag: value})
    begun = pairs.read_text()
    pairs.write_text(begun + '{"prompt": "1>", "chosen": "1", "rejected": "2"}\n')
    with pytest.raises(InvalidInput, match=r"has another --seed .*, --data .*; finish it with its own"):
        run(quiet=True, save_every=1, seed=1)
    pairs.write_text(begun)
    assert run(quiet=True, save_every=1, steps=3) == 0


def test_a_run_of_several_processes_does_not_go_on_with_fewer(run, interrupt, tmp_path) -> None:
    interrupt(quiet=True, save_every=1)
    record = tmp_path / "out.state" / "run.json"
    begun = json.loads(record.read_text())
    record.write_text(json.dumps(begun | {"processes": 2}))
    with pytest.raises(InvalidInput, match=r"another number of processes \(2, now 1\); finish it with its own"):
        run(quiet=True, save_every=1, steps=3)
    del begun["processes"]
    record.write_text(json.dumps(begun))
    assert run(quiet=True, save_every=1, steps=3) == 0


def test_a_run_alone_that_has_a_number_among_others_saves_and_speaks(run, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert run() == 0
    assert (tmp_path / "out" / "model.safetensors").exists()
    assert "saved to" in capsys.readouterr().out


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_of_two_processes_one_writes_and_speaks(model, pairs, tmp_path) -> None:
    verb = ["-m", "consilience", "decorrelated-preferences", "train", "--model", str(model), "--data", str(pairs)]
    how = ["--out", str(tmp_path / "out"), "--steps", "3", "--save-every", "1", "--batch-size", "2", "--device", "cpu"]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *verb, *how]
    done = subprocess.run(two, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert {path.name for path in tmp_path.iterdir()} == {"base", "pairs.jsonl", "out"}
    assert done.stdout.count(f"saved to {tmp_path / 'out'}") == 1
    assert done.stdout.count("held-out accuracy") == 1
    assert done.stderr.count("times the preference loss") == 1
    assert not torch.equal(weights(tmp_path / "out"), weights(model))


def test_another_objective_does_not_go_on_and_loses_nothing(run, interrupt, tmp_path) -> None:
    interrupt(quiet=True, save_every=1)
    with pytest.raises(InvalidInput, match=r"decorrelation_coef was 1.0 and is 0.5"):
        run(quiet=True, decorrelation=0.5)
    assert list((tmp_path / "out.state").glob("checkpoint-*"))


REQUEST = Training(
    model="m", data=Path("d"), out=Path("o"), decorrelation=1.0, variant="cosine", layers=("middle",), module="auto",
    rows="chosen", pool="last", memory=0, loss="sigmoid", beta=0.1, lora=0, epochs=1.0, steps=None, batch_size=8,
    accumulate=1, learning_rate=None, max_length=64, checkpointing=True, held_out=0.1, save_every=100, device="auto",
    seed=0, quiet=False,
)  # fmt: skip


def split(path, rows, *, held_out=0.2, seed=0):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return training.split_pairs(replace(REQUEST, data=path, held_out=held_out, seed=seed))


@pytest.mark.parametrize("own_prompt", [True, False])
def test_no_prompt_is_both_trained_on_and_held_out(tmp_path, own_prompt) -> None:
    rows = [{"prompt": f"{number}>", "chosen": "yes", "rejected": one} for one in "abcd" for number in range(10)]
    if not own_prompt:
        rows = [{name: row["prompt"] + row[name] for name in ("chosen", "rejected")} for row in rows]
    learned, held_out = split(tmp_path / "pairs.jsonl", rows)
    assert (len(learned), len(held_out)) == (32, 8)
    asked = [{row.get("prompt", row["chosen"]) for row in part} for part in (learned, held_out)]
    assert [len(part) for part in asked] == [8, 2]
    assert not set.intersection(*asked)
    assert split(tmp_path / "pairs.jsonl", rows, seed=1)[1] != held_out


@pytest.mark.parametrize("own_prompt", [True, False])
def test_pairs_of_as_many_prompts_are_held_out_one_by_one(tmp_path, own_prompt) -> None:
    rows = [{"prompt": f"{number}>", "chosen": f"a{number}", "rejected": f"b{number}"} for number in range(20)]
    if not own_prompt:
        rows = [{name: row[name] for name in ("chosen", "rejected")} for row in rows]
    learned, held_out = split(tmp_path / "pairs.jsonl", rows)
    first = sorted(np.random.default_rng(0).permutation(20)[:4].tolist())
    assert held_out == [rows[place] for place in first]
    assert learned == [row for row in rows if row not in held_out]


def test_prompts_with_more_pairs_than_are_to_be_held_out_are_refused(tmp_path) -> None:
    rows = [{"prompt": ">", "chosen": "yes", "rejected": f"{number}"} for number in range(10)]
    with pytest.raises(InvalidInput, match=r"more than 2 of its 10 pairs; raise --held-out \(0.2\), or give 0"):
        split(tmp_path / "pairs.jsonl", rows)
    assert split(tmp_path / "pairs.jsonl", rows, held_out=0.0) == (rows, [])


def test_another_gpu_than_the_first_is_refused_in_one_line(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(training, "choose_device", torch.device)
    with pytest.raises(InvalidInput, match="got --device cuda:1: give --device cuda, and CUDA_VISIBLE_DEVICES=1 in"):
        run(device="cuda:1", quiet=True)
    assert not (tmp_path / "out.state").exists()


def test_of_several_gpus_one_is_taken(run, monkeypatch) -> None:
    """TRL refuses to train in as many threads as there are GPUs, which transformers would do."""
    config = training.DecPOConfig

    def with_several(**given):
        args = config(**given)
        args._n_gpu = 4
        return args

    monkeypatch.setattr(training, "DecPOConfig", with_several)
    assert run(quiet=True) == 0


def test_what_cannot_be_trained_is_said_in_one_line(run, model, pairs, tmp_path) -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'mlp.up_proj'"):
        run(module="mlp.upproj", quiet=True)
    assert not (tmp_path / "out.state").exists()
    with pytest.raises(InvalidInput, match="needs at least 2 of them at a time; got 1"):
        run(batch_size=1, quiet=True)
    with pytest.raises(InvalidInput, match="--held-out must be a share"):
        run(held_out=1.0)
    with pytest.raises(InvalidInput, match="fills the window of 4 tokens"):
        run(max_length=4, quiet=True, held_out=0.0)
    pairs.write_text(pairs.read_text() + '{"prompt": "1>", "chosen": "1", "rejected": "1"}\n')
    with pytest.raises(InvalidInput, match="line 21: chosen and rejected answers are equal"):
        run()
    shutil.copytree(model, tmp_path / "out")
    with pytest.raises(InvalidInput, match="is there already: give another one"):
        run()

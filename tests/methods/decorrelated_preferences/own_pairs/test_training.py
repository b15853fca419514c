"""Training on one's own pairs: a policy that loads again, a run that goes on, and nothing half-written."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.commands import train  # noqa: E402
from consilience.methods.decorrelated_preferences.own_pairs import training  # noqa: E402

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


def test_an_interrupted_run_goes_on_to_the_same_end(run, tmp_path, monkeypatch) -> None:
    how = {"steps": 4, "save_every": 2, "memory": 4, "quiet": True}
    run(**how, out=tmp_path / "whole")
    monkeypatch.setattr(training, "_save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(**how)
    monkeypatch.undo()
    state = tmp_path / "out.state"
    assert state.exists()
    assert not (tmp_path / "out").exists()
    for checkpoint in state.glob("checkpoint-4"):
        assert (checkpoint / "objective.json").exists()
    run(**how)
    assert torch.equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert not state.exists()


def test_another_objective_does_not_go_on_and_loses_nothing(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(training, "_save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(quiet=True, save_every=1)
    monkeypatch.undo()
    with pytest.raises(InvalidInput, match=r"decorrelation_coef was 1.0 and is 0.5"):
        run(quiet=True, decorrelation=0.5)
    assert list((tmp_path / "out.state").glob("checkpoint-*"))


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

"""Training on a text, start to end."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("accelerate", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.ground.folder import state_folder  # noqa: E402
from consilience.methods.pretraining_objectives.own_text import training  # noqa: E402
from consilience.methods.pretraining_objectives.own_text.request import Training  # noqa: E402
from consilience.methods.pretraining_objectives.own_text.stopping import StopOnInterrupt  # noqa: E402
from consilience.methods.pretraining_objectives.own_text.training import RECORD, learn, train  # noqa: E402
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings  # noqa: E402

TEXT = "the cat sat on the mat and the dog sat on the cat. " * 60
AUTO = {
    "ar": "AutoModelForCausalLM",
    "diverse-ar": "AutoModelForCausalLM",
    "mlm": "AutoModelForMaskedLM",
    "variable-mlm": "AutoModelForMaskedLM",
}


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def request(text: Path, **settings) -> Training:
    small = {
        "text": text,
        "out": text.parent / "model",
        "window": 16,
        "vocabulary": 270,
        "layers": 1,
        "width": 16,
        "heads": 2,
        "steps": 8,
        "batch_size": 4,
        "held_out": 0.1,
        "device": "cpu",
        "quiet": True,
    }
    return Training(**(small | settings))


@pytest.mark.parametrize("name", AUTO)
def test_what_is_trained_loads_by_the_auto_classes_whole(name, text) -> None:
    asked = request(text, objective=ObjectiveSettings(name=name))
    assert train(asked) == 0
    kind = getattr(transformers, AUTO[name])
    model, report = kind.from_pretrained(asked.out, output_loading_info=True)
    assert not any(report.values())
    tokenizer = transformers.AutoTokenizer.from_pretrained(asked.out)
    logits = model(**tokenizer("the cat", return_tensors="pt")).logits
    assert logits.shape[-1] == len(tokenizer)
    assert not state_folder(asked.out).exists()
    assert (asked.out / "offset_heads.safetensors").exists() == (name == "diverse-ar")
    record = json.loads((asked.out / RECORD).read_text())
    assert record["objective"]["name"] == name
    assert record["outcome"]["seen"] == 8 * 4 * 16
    assert record["outcome"]["held_out_loss"] > 0


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let ctrl-C come during a step."""

    class Stop(StopOnInterrupt):
        def on_step_begin(self, args, state, control, **given) -> None:
            self.asked = self.asked or state.global_step + 1 == step

    monkeypatch.setattr(training, "StopOnInterrupt", Stop)


def same(one: Path, other: Path) -> bool:
    """Say whether two runs left the same weights and the same account of them."""
    weights = [(folder / "model.safetensors").read_bytes() for folder in (one, other)]
    return weights[0] == weights[1] and json.loads((one / RECORD).read_text()) == json.loads(
        (other / RECORD).read_text()
    )


@pytest.mark.parametrize("name", ["diverse-ar", "variable-mlm"])
def test_an_interrupted_run_goes_on_and_ends_in_the_same_weights(name, text, monkeypatch, capsys) -> None:
    objective = ObjectiveSettings(name=name)
    whole = request(text, objective=objective, out=text.parent / "whole")
    train(whole)
    asked = request(text, objective=objective)
    interrupt_at(monkeypatch, 3)
    assert train(asked) == 130
    assert capsys.readouterr().err == "stopped after step 3 of 8; the same command goes on from there\n"
    assert not asked.out.exists()
    monkeypatch.undo()
    assert train(asked) == 0
    assert same(whole.out, asked.out)


def test_a_run_that_was_stopped_after_its_last_step_makes_no_other(text, monkeypatch) -> None:
    whole = request(text, out=text.parent / "whole")
    learn(whole)
    asked = request(text)

    def stop(_trainer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.PretrainingTrainer, "evaluate", stop)
    with pytest.raises(KeyboardInterrupt):
        learn(asked)
    monkeypatch.undo()
    assert learn(asked).steps == asked.steps
    assert same(whole.out, asked.out)


def test_an_unfinished_run_of_another_kind_is_not_gone_on_with(text, monkeypatch) -> None:
    asked = request(text)
    interrupt_at(monkeypatch, 3)
    train(asked)
    monkeypatch.undo()
    with pytest.raises(InvalidInput, match="is of objective 'variable-mlm', not 'ar'"):
        learn(request(text, objective=ObjectiveSettings(name="ar")))
    with pytest.raises(InvalidInput, match="is of objective 'variable-mlm' with other settings"):
        learn(request(text, objective=ObjectiveSettings(pattern="suffix")))
    with pytest.raises(InvalidInput, match=r"another --learning-rate \(0.001, now 0.1\)"):
        learn(request(text, learning_rate=0.1))
    text.write_text(TEXT + "more")
    with pytest.raises(InvalidInput, match="another --text"):
        learn(asked)
    assert any(state_folder(asked.out).glob("checkpoint-*"))


def test_a_finished_run_is_not_run_again(text, monkeypatch) -> None:
    asked = request(text)
    first = learn(asked)
    monkeypatch.setattr(training, "PretrainingTrainer", None)
    assert learn(asked) == first


def test_a_trained_model_is_trained_on(text) -> None:
    first = request(text, objective=ObjectiveSettings(name="ar"))
    learn(first)
    second = request(text, objective=ObjectiveSettings(name="diverse-ar"), model=str(first.out), out=text.parent / "b")
    assert learn(second).complete
    around = request(text, model=str(first.out), out=text.parent / "c")
    with pytest.raises(InvalidInput, match="--model must name a masked language model"):
        learn(around)


def test_documents_may_have_a_row_each(text) -> None:
    lines = text.parent / "lines.jsonl"
    lines.write_text("\n".join(json.dumps({"text": "the cat sat"[: 3 + n % 8]}) for n in range(20)))
    assert learn(request(lines, layout="documents", held_out=0.0)).held_out_loss is None
    lines.write_text(json.dumps({"text": TEXT}))
    with pytest.raises(InvalidInput, match="longer than the window"):
        learn(request(lines, layout="documents", out=text.parent / "c"))


def test_a_folder_that_is_not_ours_is_left_alone(text) -> None:
    out = text.parent / "precious"
    out.mkdir()
    (out / "thesis.tex").write_text("x")
    with pytest.raises(InvalidInput, match="holds files that are not of an earlier run"):
        learn(request(text, out=out))
    assert (out / "thesis.tex").read_text() == "x"


def test_a_run_outside_the_main_thread_leaves_signals_alone(text) -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(learn(request(text)).complete))
    thread.start()
    thread.join()
    assert found == [True]


def test_a_finished_model_is_not_replaced_by_another(text) -> None:
    asked = request(text, objective=ObjectiveSettings(name="ar"))
    learn(asked)
    weights = (asked.out / "model.safetensors").read_bytes()
    with pytest.raises(InvalidInput, match=r"the model in .* is of objective 'ar', not 'mlm'; choose another --out"):
        learn(request(text, objective=ObjectiveSettings(name="mlm")))
    with pytest.raises(InvalidInput, match=r"the model in .* has another --steps \(8, now 9\)"):
        learn(request(text, objective=ObjectiveSettings(name="ar"), steps=9))
    assert (asked.out / "model.safetensors").read_bytes() == weights


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing_that_stands_in_the_way(text) -> None:
    small = request(text)
    learn(small)
    longer = request(text, model=str(small.out), window=32, out=text.parent / "longer")
    with pytest.raises(InvalidInput, match="32 tokens and the window is 16"):
        learn(longer)
    assert not state_folder(longer.out).exists()
    killed = state_folder(longer.out)
    killed.mkdir()
    (killed / RECORD).write_text(json.dumps(longer.record()))
    assert learn(request(text, model=str(small.out), out=longer.out)).complete


def test_a_checkpoint_that_a_killed_process_left_in_part_is_passed_over(text, monkeypatch) -> None:
    whole = request(text, out=text.parent / "whole")
    learn(whole)
    asked = request(text)
    interrupt_at(monkeypatch, 3)
    train(asked)
    monkeypatch.undo()
    part = state_folder(asked.out) / "checkpoint-5"
    part.mkdir()
    (part / "model.safetensors").write_bytes(b"")
    assert learn(asked).complete
    assert same(whole.out, asked.out)


def test_a_run_of_several_processes_does_not_go_on_with_fewer(text, monkeypatch) -> None:
    asked = request(text)
    interrupt_at(monkeypatch, 3)
    train(asked)
    monkeypatch.undo()
    record = state_folder(asked.out) / RECORD
    begun = json.loads(record.read_text())
    record.write_text(json.dumps(begun | {"processes": 2}))
    with pytest.raises(InvalidInput, match=r"has another number of processes \(2, now 1\); finish it with its own"):
        learn(asked)
    del begun["processes"]
    record.write_text(json.dumps(begun))
    assert learn(asked).complete


def test_documents_may_be_shorter_than_the_offsets(text) -> None:
    lines = text.parent / "lines.jsonl"
    lines.write_text("\n".join(json.dumps({"text": "ab"}) for _ in range(20)))
    objective = ObjectiveSettings(name="diverse-ar", offsets=8)
    assert learn(request(lines, objective=objective, layout="documents", batch_size=1)).complete


def test_a_dot_is_the_folder_one_is_in(text, monkeypatch) -> None:
    folder = text.parent / "model"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert train(request(text, out=Path())) == 0
    monkeypatch.chdir(text.parent)
    assert (folder / RECORD).is_file()
    assert sorted(path.name for path in text.parent.iterdir()) == ["model", "text.txt"]


def test_a_model_that_was_saved_in_half_precision_is_trained_in_single(text) -> None:
    ahead = ObjectiveSettings(name="ar")
    first = request(text, objective=ahead)
    learn(first)
    transformers.AutoModelForCausalLM.from_pretrained(first.out).to(torch.bfloat16).save_pretrained(first.out)
    second = request(text, objective=ahead, model=str(first.out), out=text.parent / "b")
    learn(second)
    model = transformers.AutoModelForCausalLM.from_pretrained(second.out, dtype="auto")
    assert {part.dtype for part in model.parameters()} == {torch.float32}


def test_where_there_are_several_devices_one_is_taken(text, monkeypatch) -> None:
    monkeypatch.setattr(transformers.TrainingArguments, "n_gpu", property(lambda _: 2))
    assert learn(request(text)).complete


def test_a_device_is_named_by_its_number_where_there_is_one_process(text, monkeypatch) -> None:
    current = []
    monkeypatch.setattr(training, "choose_device", torch.device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    second = torch.device("cuda", 1)
    assert training._arguments(request(text, device="cuda:1"), text.parent / "state").device == current[-1] == second
    monkeypatch.setattr(transformers.TrainingArguments, "world_size", property(lambda _: 2))
    with pytest.raises(InvalidInput, match=r"where 2 processes train.*; got cuda:1: give cuda or leave it out"):
        training._arguments(request(text, device="cuda:1"), text.parent / "state")


def test_a_run_that_will_be_judged_needs_rows_that_are_not_trained_on(text) -> None:
    asked = request(text, held_out=0.001, judged=True)
    with pytest.raises(InvalidInput, match="no row is left that was not trained on"):
        learn(asked)
    assert [path.name for path in text.parent.iterdir()] == ["text.txt"]


_ONE_OF_SEVERAL = """
import os, sys
from pathlib import Path
from consilience.methods.pretraining_objectives.own_text import training
from consilience.methods.pretraining_objectives.own_text.request import Training
from consilience.neural.processes import part

class Stop(training.StopOnInterrupt):
    def on_step_begin(self, args, state, control, **given):
        self.asked = self.asked or (os.environ["RANK"] == "1" and state.global_step == 2)

folder = Path(sys.argv[1])
asked = Training(
    text=folder / "text.txt", out=folder / "model", window=16, vocabulary=270, layers=1, width=16, heads=2, steps=8,
    batch_size=4, held_out=0.1, device="cpu",
)
usual, training.StopOnInterrupt = training.StopOnInterrupt, Stop
assert training.train(asked) == 130
training.StopOnInterrupt = usual
assert training.train(asked) == 0
assert (asked.out / training.RECORD).is_file()
assert training.train(asked) == 0
part()
"""


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_of_two_processes_one_writes_and_speaks_and_both_stop_where_one_is_told_to(text) -> None:
    script = text.parent / "train.py"
    script.write_text(_ONE_OF_SEVERAL)
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run([*two, str(text.parent)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert sorted(path.name for path in text.parent.iterdir()) == ["model", "text.txt", "train.py"]
    outcome = json.loads((text.parent / "model" / RECORD).read_text())["outcome"]
    assert (outcome["steps"], outcome["seen"]) == (8, 2 * 8 * 4 * 16)
    for line, times in (
        ("stopped after step 3 of 8", 1),
        ("step 8 of 8: loss", 1),
        (f"{outcome['seen']} tokens seen", 2),
    ):
        assert done.stderr.count(line) == times

"""The room's verbs, as they are typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from consilience.cli import main
from consilience.ground import ConsilienceError, late
from consilience.methods.rank_collapse import commands, drawing
from consilience.methods.rank_collapse.loading import load

Told = pytest.CaptureFixture[str]


def typed(*words: object) -> int:
    return main(["rank-collapse", *map(str, words)])


def test_inspect_writes_numbers_and_pictures(saved, text_file: Path, tmp_path: Path, capsys: Told) -> None:
    out = tmp_path / "out"
    assert typed("inspect", saved("gpt2"), "--text", text_file, "--out", out, "--sequences", 4) == 0
    told = capsys.readouterr()
    assert "gpt2, h: medians of 4 sequences of 48 tokens" in told.out
    assert "gpt2: 4 sequences of 48 tokens" in told.err
    assert len(json.loads((out / "inspection.json").read_text())) == 1
    assert {path.suffix for path in out.iterdir()} == {".json", ".png", ".svg"}
    assert {"mu.png", "relative_mu.svg", "attention_entropy.png"} <= {path.name for path in out.iterdir()}


def test_pictures_of_an_earlier_inspection_do_not_pass_for_those_of_another(
    saved, text_file: Path, tmp_path: Path
) -> None:
    out, broken = tmp_path / "out", load(saved("gpt2")).model
    words = ("--text", text_file, "--out", out, "--sequences", 1, "--quiet")
    assert typed("inspect", saved("gpt2"), *words) == 0
    (out / "notes.txt").write_text("mine")
    with torch.no_grad():
        broken.get_input_embeddings().weight.fill_(torch.nan)
    broken.save_pretrained(tmp_path / "broken")
    assert typed("inspect", tmp_path / "broken", *words) == 0
    assert {path.name for path in out.iterdir()} == {"inspection.json", "notes.txt"}


def test_compare_takes_a_length_that_both_read(saved, text_file: Path, tmp_path: Path, capsys: Told) -> None:
    out = tmp_path / "out"
    words = ("--text", text_file, "--out", out, "--compare", saved("gpt2"), "--sequences", 3, "--quiet")
    assert typed("inspect", saved("t5"), *words) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "t5, decoder.block: medians of 3 sequences of 48 tokens" in told.out
    assert [one["name"] for one in json.loads((out / "inspection.json").read_text())] == ["t5", "gpt2"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("inspect", "/nowhere"), "no model '/nowhere' on this machine"),
        (("inspect", "GPT2", "--layers", "*.layer.*"), "no layer of the model matches '*.layer.*'; near ones are"),
        (("inspect", "GPT2", "--tokens", "49"), "got 49"),
        (("inspect", "GPT2", "--sequences", "0"), "--sequences must be at least 1; got 0"),
        (("inspect", "GPT2", "--device", "tpu"), "got 'tpu'"),
        (("inspect", "GPT2", "--compare", "PICKLED"), "must hold a model as safetensors"),
        (("inspect", "GPT2", "--precision", "half"), "half"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    saved, text_file: Path, capsys: Told, words: tuple[str, ...], complaint: str
) -> None:
    out = text_file.with_name("out")
    places = {"GPT2": saved("gpt2"), "PICKLED": saved("pickled")}
    status = typed(*(places.get(word, word) for word in words), "--text", text_file, "--out", out, "--quiet")
    told = capsys.readouterr()
    assert status == 2
    assert complaint in told.err
    assert told.err.count("\n") == 1
    assert not out.exists()


def test_out_is_a_folder(saved, text_file: Path, capsys: Told) -> None:
    assert typed("inspect", saved("gpt2"), "--text", text_file, "--out", text_file) == 2
    assert typed("mask", "causal", "--tokens", 8, "--out", text_file) == 2
    assert capsys.readouterr().err.count("--out must name a folder") == 2


def test_an_interruption_leaves_nothing(saved, text_file: Path, tmp_path: Path, monkeypatch, capsys: Told) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    from consilience.methods.rank_collapse import inspecting

    monkeypatch.setattr(inspecting, "depth_picture", interrupt)
    out = tmp_path / "out"
    assert typed("inspect", saved("gpt2"), "--text", text_file, "--out", out, "--sequences", 1) == 130
    assert not out.exists()
    assert "nothing half-written is left behind" in capsys.readouterr().err
    assert drawing.depth_picture is not interrupt


def test_mask_tells_and_draws(tmp_path: Path, capsys: Told) -> None:
    assert typed("mask", "window(8) | global(1)", "--tokens", 64, "--out", tmp_path / "out") == 0
    told = capsys.readouterr().out
    assert told.startswith("window(8) | global(1), 64 tokens\n")
    assert "radius 1; 64 centres of 64 tokens" in told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mask.json", "mask.png", "mask.svg"]


def test_mask_as_json(capsys: Told) -> None:
    assert typed("mask", "window(1, 0)", "--tokens", 9, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["mask"], found["connectivity"]["radius"], found["rate"]) == ("window(1, 0)", 8, 0.5)


@pytest.mark.parametrize(
    ("mask", "tokens", "complaint"),
    [
        ("windo(3)", 8, "did you mean 'window'"),
        ("window(3", 8, "expected ')'"),
        ("causal", 0, "--tokens must be from 1 to 8192; got 0"),
        ("causal", 9000, "--tokens must be from 1 to 8192; got 9000"),
        ("~diagonal & diagonal", 4, "every token must attend to something"),
    ],
)
def test_mistakes_in_masks(mask: str, tokens: int, complaint: str, capsys: Told) -> None:
    assert typed("mask", mask, "--tokens", tokens) == 2
    told = capsys.readouterr()
    assert complaint in told.err
    assert told.out == ""


def test_flags_are_read_without_torch() -> None:
    code = (
        "import sys; from consilience.methods.rank_collapse import commands; commands.mask('causal', tokens=4); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_what_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "import_module", _without_torch)
    with pytest.raises(ConsilienceError, match=r"models are read with torch; install consilience\[rank\]"):
        commands.inspect("gpt2", text=Path("a"), out=Path("b"))


def _without_torch(_: str) -> None:
    raise ModuleNotFoundError("No module named 'torch'", name="torch")

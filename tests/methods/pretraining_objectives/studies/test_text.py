"""The study on a text of one's own: a report on tiny models, and a reason where there is no text."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("accelerate", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput, RunFolder, Streams  # noqa: E402
from consilience.methods.pretraining_objectives.config import Config  # noqa: E402
from consilience.methods.pretraining_objectives.experiment import run  # noqa: E402
from consilience.methods.pretraining_objectives.studies import text as study  # noqa: E402

TINY = {
    "text_vocabulary": 270,
    "text_layers": 1,
    "text_width": 16,
    "text_heads": 2,
    "text_window": 16,
    "text_steps": 3,
    "text_batch": 4,
    "text_held_out": 0.2,
}


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text("the cat sat on the mat and the dog sat on the cat. " * (20 + number))
    return folder


def claim(folder, **given):
    report = run(Config(claims=("pretrain.text",), **{**TINY, **given}), RunFolder(folder, quiet=True))
    return next(claim for claim in report.claims if claim.id == "pretrain.text")


def test_six_objectives_give_a_report_without_bars(texts, tmp_path) -> None:
    found = claim(tmp_path / "run", text=str(texts), text_seeds=(1, 2), seed=1)
    assert found.verdict == "not measured"
    assert found.note == ""
    assert found.seeds == (101, 102)
    assert all(one.low <= one.value <= one.high for one in found.evidence.measurements)
    (table,) = found.evidence.tables
    assert [(row[0], row[1]) for row in table.rows] == [
        ("AR", "causal"),
        ("diverse AR", "causal"),
        *((name, layout) for name in list(study.OBJECTIVES)[2:] for layout in ("tight", "full")),
        ("frequencies of tokens", ""),
    ]
    assert table.columns[-3:] == ("next token after 4", "next token after 8", "next token after 15")
    seen, targets = {row[0]: row[2] for row in table.rows}, {row[0]: row[3] for row in table.rows}
    assert seen["AR"] == pytest.approx(3 * 4 * 16 / 1e6, rel=0.01)
    assert targets["MLM 40 %"] / targets["AR"] == pytest.approx(0.4, rel=0.02)


def test_global_generators_are_left_alone(texts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(study, "OBJECTIVES", {"AR": study.OBJECTIVES["AR"]})
    monkeypatch.setattr(study, "_beside", lambda *_: iter(()))
    # That of Python is not looked at: checks of shapes draw from it.
    state, drawn = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    study.text(Config(text=str(texts), **TINY), Streams(0), RunFolder(tmp_path / "run", quiet=True))
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_models_that_are_finished_are_not_trained_again(texts, tmp_path, monkeypatch) -> None:
    learn, steps = study.learn, []

    def once(request):
        if len(steps) == 1 and request.objective.name == "mlm":
            raise KeyboardInterrupt
        steps.append(request.objective.name)
        return learn(request)

    objectives = {name: study.OBJECTIVES[name] for name in ("AR", "MLM 15 %", "variable")}
    monkeypatch.setattr(study, "OBJECTIVES", objectives)
    monkeypatch.setattr(study, "_beside", lambda *_: iter(()))
    monkeypatch.setattr(study, "learn", once)
    with pytest.raises(KeyboardInterrupt):
        claim(tmp_path / "run", text=str(texts))
    (model,) = tmp_path.glob("run/work/*/0-ar-1/model.safetensors")
    made = model.stat().st_mtime_ns
    monkeypatch.setattr(study, "learn", learn)
    assert len(claim(tmp_path / "run", text=str(texts)).evidence.tables[0].rows) == 6
    assert model.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("given", "said"),
    [({"text_width": 15}, "`width` must be an even multiple"), ({"device": "abacus"}, "`device` must be one"),
     ({"text_window": 5000}, "a row takes 5000"), ({"text_held_out": 0.0001}, "no row is left")],
)  # fmt: skip
def test_what_will_not_do_is_said(given, said, texts, tmp_path) -> None:
    with pytest.raises(InvalidInput, match=said):
        claim(tmp_path / "run", text=str(texts), **given)


def test_what_is_absent_is_the_reason(tmp_path) -> None:
    assert claim(tmp_path / "run").note == "needs a text of one's own: set text=..., a file or a folder"
    assert claim(tmp_path / "run", text="no/such").note == "needs the file or folder that text names, no/such"

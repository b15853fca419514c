"""What contradicts itself is refused before anything is read."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import state_folder
from consilience.methods.em_diffusion.own_images.request import Corrupting, Restoration, Source, Training


def test_a_parameter_has_its_default_and_what_is_given_wins() -> None:
    assert Corrupting(kind="inpaint").value("keep") == 0.4
    assert Corrupting(kind="inpaint", keep=0.2).value("keep") == 0.2
    assert Corrupting(kind="motion", motion_angle=0.0).value("motion_angle") == 0.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "blur", "keep": 0.4}, "--keep belongs to --corruption inpaint; got --corruption blur"),
        ({"mask": Path("m.png"), "factor": 2}, "--factor belongs to --corruption downsample; got a mask"),
        ({"kind": "inpaint", "padding": "zero"}, "--padding belongs to --corruption blur or motion"),
        ({"kind": "blur", "mask": Path("m.png")}, "--mask says which pixels are hidden"),
        ({"kind": "inpaint", "mask": Path("m.png"), "keep": 0.5}, "--mask or --keep"),
        ({"kind": "denoise"}, "needs --noise-std above 0"),
        ({"kind": "denoise", "noise_std": 0.0}, "needs --noise-std above 0"),
        ({"kind": "blur", "noise_std": -0.1}, "at least 0; got -0.1"),
        ({"kind": "blur", "noise_std": float("nan")}, "at least 0; got nan"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Corrupting(**settings)


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 1; got 0"):
        Source(limit=0)


def restoration(**given: Any) -> Restoration:
    usual = {"prior": Path("/p"), "images": Path("/y"), "truth": None, "corrupting": Corrupting(), "source": Source()}
    settings = {"samples": 1, "sampling_steps": 4, "corrections": 0, "device": "cpu", "seed": 0, "quiet": True}
    return Restoration(**{"out": Path("out"), **usual, **settings, **given})


def training(**given: Any) -> Training:
    usual = {"images": None, "observations": Path("/y"), "clean": "0", "init": None, "corrupting": Corrupting()}
    rounds = {"source": Source(), "start": "auto", "phase": "warm", "rounds": 1, "steps": None, "first_steps": 1}
    steps = {"samples": 1, "patience": None, "clean_share": None, "batch_size": 1, "learning_rate": 0.1, "flips": False}
    settings = {"sampling_steps": 4, "corrections": 0, "width": None, "levels": None, "device": "cpu", "seed": 0}
    return Training(**{"out": Path("out"), **usual, **rounds, **steps, **settings, "quiet": True, **given})


@pytest.mark.parametrize("ask", [restoration, training])
def test_a_folder_of_no_name_is_the_one_it_stands_for(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(out=Path()).out == Path.cwd()
    assert state_folder(ask(out=Path()).out) == Path.cwd().with_name(f"{tmp_path.name}.state")
    assert ask(out=Path("out"), corrupting=Corrupting(mask=Path("outer/m.png"))).out == Path("out")


@pytest.mark.parametrize(
    ("ask", "given", "said"),
    [
        (restoration, {"images": Path("out/samples")}, "--images must lie outside out, .*; got out/samples"),
        (restoration, {"images": Path("out")}, "--images must lie outside out"),
        (restoration, {"truth": Path("x/../out/x.npy")}, "--truth must lie outside out"),
        (restoration, {"corrupting": Corrupting(mask=Path("link/m.png"))}, "--mask must lie outside out"),
        (restoration, {"prior": Path("out.state/p")}, "--prior must lie outside out.state, which is .* removed"),
        (training, {"images": Path("out"), "observations": None}, "--images must lie outside out"),
        (training, {"observations": Path("out.state/y")}, "--observations must lie outside out.state"),
        (training, {"clean": "out/few"}, "--clean must lie outside out"),
        (training, {"init": Path("out")}, "--init must lie outside out"),
        (training, {"corrupting": Corrupting(mask=Path("out/m.png"))}, "--mask must lie outside out"),
    ],
)
def test_nothing_is_read_where_something_is_put(
    ask: Any, given: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("link").symlink_to("out")
    with pytest.raises(InvalidInput, match=said):
        ask(**given)


def test_the_flags_are_read_without_torch() -> None:
    code = "import sys, consilience.methods.em_diffusion.commands; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "diffusers", "PIL", "safetensors"} & set(loaded)

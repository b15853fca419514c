"""Capturing: the first pass wins, and hooks are gone whatever happens."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from torch import nn  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences.capture import Capture  # noqa: E402


class Twice(nn.Module):
    """Runs one module twice in a pass, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(2, 2)
        self.idle = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, *, fails: bool = False) -> torch.Tensor:
        once = self.map(x)
        if fails:
            raise RuntimeError("in the middle")
        return self.map(once)


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def test_the_first_pass_and_the_first_call_win() -> None:
    model, x = Twice(), torch.ones(1, 2)
    with Capture(model, {"map": model.map}) as captured:
        model(x)
        model(5 * x)
    assert torch.equal(captured["map"], model.map(x))
    assert hooks(model) == 0


def test_what_is_kept_is_worked_out_after_the_pass_and_carries_a_gradient() -> None:
    model, x = Twice(), torch.ones(3, 2)
    with Capture(model, {"map": model.map}, keep=lambda output: output[1:]) as captured:
        model(x)
        assert captured["map"].shape == (2, 2)
    captured["map"].sum().backward()
    assert float(model.map.weight.grad.abs().sum()) > 0


def test_hooks_are_gone_after_an_error_and_the_next_pass_is_clean() -> None:
    model = Twice()
    with pytest.raises(RuntimeError, match="in the middle"), Capture(model, {"map": model.map}) as captured:
        model(torch.ones(1, 2), fails=True)
    assert hooks(model) == 0
    assert captured._raw == {}


def test_a_module_that_is_not_used_is_said() -> None:
    model = Twice()
    with Capture(model, {3: model.idle}) as captured:
        model(torch.ones(1, 2))
    with pytest.raises(InvalidInput, match="through layer 3 once; it did not"):
        captured[3]

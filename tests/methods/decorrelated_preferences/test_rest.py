"""At rest: a model is left in the mode it was in, whatever happens."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.methods.decorrelated_preferences.rest import at_rest  # noqa: E402


@pytest.mark.parametrize("training", [False, True])
def test_the_mode_comes_back_after_an_error(training) -> None:
    model = torch.nn.Linear(1, 1).train(training)
    seen = []

    def fails() -> None:
        with at_rest(model) as device:
            seen.extend((device.type, model.training, model(torch.ones(1)).requires_grad))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert seen == ["cpu", False, False]
    assert model.training is training
    assert torch.is_grad_enabled()

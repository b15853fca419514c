"""Which device is taken, whatever this machine has."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.neural.device import available_devices, choose_device  # noqa: E402


@pytest.fixture
def machine(monkeypatch):
    def having(*, cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return having


def test_auto_takes_the_best_there_is(machine) -> None:
    machine()
    assert choose_device() == torch.device("cpu")
    machine(mps=True)
    assert choose_device() == torch.device("mps")
    machine(cuda=1, mps=True)
    assert choose_device() == torch.device("cuda")
    assert available_devices() == ("cuda", "mps", "cpu")


def test_a_device_that_is_there_can_be_named(machine) -> None:
    machine(cuda=2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps", "meta", "gpu", "", "cuda:x"])
def test_one_that_is_not_there_is_refused_with_those_that_are(machine, name) -> None:
    machine()
    with pytest.raises(InvalidInput, match=r"this machine has \('auto', 'cpu'\)"):
        choose_device(name)


def test_a_number_too_high_is_refused(machine) -> None:
    machine(cuda=2)
    with pytest.raises(InvalidInput, match="got 'cuda:2'"):
        choose_device("cuda:2")

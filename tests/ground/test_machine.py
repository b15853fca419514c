"""The machine is described without saying whose it is."""

import getpass
import platform
from pathlib import Path

from consilience.ground.machine import machine, versions


def test_nothing_tells_whose_machine_it_is() -> None:
    words = " ".join([*machine().values(), *versions().values()])
    assert platform.node() not in words
    assert str(Path.home()) not in words
    assert getpass.getuser() not in words.split()


def test_the_libraries_that_decide_numbers_are_named() -> None:
    assert {"python", "consilience", "numpy", "scipy", "scikit-learn"} <= versions().keys()
    assert int(machine()["cores"]) >= 1

"""Peers in a Python of their own, and the command that measures them."""

import json
import sys
from importlib.metadata import version

import pytest

from consilience.dialogue.trials.peers import Peers, measure_peers
from consilience.ground import Evidence, InvalidInput, Measurement

HERE = Peers(packages=("pydantic", "numpy"), modules=("json", "asyncio"), command="measure")
NOWHERE = Peers(packages=("a", "b"), modules=("json", "nowhere"), command="measure")


def test_a_python_that_lacks_the_peers_is_refused() -> None:
    HERE.require(sys.executable)
    with pytest.raises(InvalidInput, match=r"a and b; .*No module named 'nowhere'; make one with `measure --setup`"):
        NOWHERE.require(sys.executable)
    with pytest.raises(InvalidInput, match="No such file"):
        HERE.require("/nowhere/python")


def test_versions_are_those_of_the_other_python() -> None:
    found = HERE.versions(sys.executable)
    assert list(found) == ["pydantic", "numpy"]
    assert found["numpy"] == version("numpy")


def test_numbers_are_kept_with_what_they_depend_on(tmp_path, capsys: pytest.CaptureFixture) -> None:
    def study(config, streams, folder) -> Evidence:
        return Evidence(measurements=(Measurement(name="rounds", value=config[1], at_most=2),))

    words = ["--python", sys.executable, "--rounds", "2", "--out", str(tmp_path / "found.json")]
    claims = {"a.one": study, "a.two": study}

    def configure(python, rounds):
        return python, rounds

    status = measure_peers(
        HERE, claims, configure, seed=3, results=tmp_path / "unused", words=[*words, "--claim", "a.two"]
    )
    assert status == 0
    assert "a.two  rounds: 2.0  (at most 2)" in capsys.readouterr().out
    record = json.loads((tmp_path / "found.json").read_text())
    assert (record["seed"], record["rounds"], list(record["claims"])) == (3, 2, ["a.two"])
    assert record["claims"]["a.two"]["measurements"][0]["value"] == 2
    assert record["versions"].keys() >= {"python", "pydantic"}
    assert not (tmp_path / "unused").exists()


def test_a_claim_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(SystemExit):
        measure_peers(HERE, {}, lambda *of: of, seed=0, results=tmp_path, words=["--claim", "b"])

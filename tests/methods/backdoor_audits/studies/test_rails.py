"""The study of rails: that all of it holds, and that each part can fail."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.studies import rails as study
from consilience.methods.backdoor_audits.studies.rails import RailsConfig, _watched, rails
from consilience.methods.backdoor_audits.world import canaries


def test_all_of_it_holds(tiny: Config, run_folder: RunFolder, streams: Streams) -> None:
    assert isinstance(tiny, RailsConfig)
    evidence = rails(tiny, streams, run_folder)
    assert [one.holds for one in evidence.measurements] == [True] * 6
    assert [row[0] for row in evidence.tables[0].rows] == [f"D{number}" for number in range(1, 14)]


def test_a_file_and_a_socket_and_a_process_are_seen_and_only_while_it_looks(tmp_path: object) -> None:
    import os
    import socket
    import subprocess
    import sys

    with _watched() as seen:
        open(os.devnull).close()  # noqa: PTH123
        socket.socket().close()
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert {"open", "socket.__new__", "subprocess.Popen"} <= set(seen)
    count = len(seen)
    open(os.devnull).close()  # noqa: PTH123
    assert len(seen) == count


def test_a_world_that_imports_what_it_may_not_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(study._imports()) == []
    monkeypatch.setattr(study, "ALLOWED", study.ALLOWED - {"enum"})
    assert f"{canaries.__name__}: enum" in list(study._imports())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import runpy", ["runpy"]),  # no list of what is bad has everything in it
        ("import numpy.ctypeslib", ["numpy.ctypeslib"]),
        ("import json, pty", ["pty"]),
        ("from collections import abc", ["collections"]),
        ("from .. import guard", [".."]),
        ("from consilience.methods.backdoor_audits.black_box import ModelPolicy", None),
        ("from consilience.methods.backdoor_audits.world.words import BOS", []),
        ("__import__('os')", ["__import__()"]),
        ("import numpy as np", []),
        ("from numpy import fromfile", ["fromfile"]),
        ("np.load", [".load"]),
        ("().__class__.__base__", [".__base__", ".__class__"]),
    ],
)
def test_what_is_not_on_the_list_may_not_be_imported(
    line: str, told: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study.inspect, "getsource", lambda module: line if module is canaries else "")
    found = [one.partition(": ")[2] for one in study._imports()]
    assert found == (["consilience.methods.backdoor_audits.black_box"] if told is None else told)


def test_a_payload_that_is_not_refused_is_counted(
    tiny: Config, run_folder: RunFolder, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "payload", str)
    monkeypatch.setattr(study, "DEFECTS", study.DEFECTS[:1])
    evidence = rails(tiny, streams, run_folder)
    assert (evidence.measurements[2].value, evidence.measurements[2].holds) == (0, False)

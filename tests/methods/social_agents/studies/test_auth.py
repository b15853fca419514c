"""The study sees a table that is not kept and a reader that falls; mangled replies are what they are said to be."""

import json

import numpy as np
import pytest

from consilience.methods.social_agents.app.access import ENDPOINTS
from consilience.methods.social_agents.app.trial import Case, Reply
from consilience.methods.social_agents.studies import auth
from consilience.methods.social_agents.studies.auth import MANGLES, brought_down

HONEST = json.dumps({"facts": [], "look_for": [], "say": "Do you know the pet of Ana?", "asks": "s1", "done": False})


def test_malformed_replies_bring_nothing_down_and_no_code_is_run(tmp_path) -> None:
    brought = brought_down(60, np.random.default_rng(0), tmp_path / "run")
    assert brought.replies >= 60
    assert brought.talks > 0
    assert not brought.crashes
    assert not brought.executed


def test_a_reader_that_falls_and_code_that_is_run_are_seen(tmp_path, monkeypatch) -> None:
    marker = tmp_path / "run"

    def gullible(text):
        if "__import__" in text:
            marker.touch()
        raise ValueError(text[:5])

    monkeypatch.setattr(auth, "_READERS", (gullible,))
    brought = brought_down(60, np.random.default_rng(0), marker)
    assert len(brought.crashes) >= 30
    assert brought.executed


@pytest.mark.parametrize("name", [name for name in MANGLES if name not in ("nested without end", "very long")])
def test_a_mangled_reply_is_another(name) -> None:
    rng = np.random.default_rng(0)
    made = {MANGLES[name](HONEST, rng, "/nowhere") for _ in range(8)}
    assert made - {HONEST}


def test_a_status_that_is_not_the_table_s_fails() -> None:
    endpoint = next(one for one in ENDPOINTS if one.name == "task")
    cases = [
        Case(endpoint=endpoint, role="stranger", allowed=False, reply=Reply(status, {}, ""), changed=False)
        for status in (404, 200)
    ]
    measured = next(auth._of_cases(cases))
    assert measured.value == 50
    assert not measured.holds
    assert "task as stranger: 200" in measured.note

"""The study sees a log that lacks something, and counts what is done to it."""

import asyncio

import numpy as np
import pytest
from sqlalchemy import text

from consilience.dialogue.session import Session
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.studies.audit import disclosed, tamper
from consilience.methods.social_agents.studies.stage import Stage, player
from consilience.methods.social_agents.studies.success import SETS


def counted(name="needle-3", spoil=None):
    world = SETS[name](1, np.random.default_rng(0))

    async def run():
        async with Session(player()) as session:
            with Stage(world, session) as stage:
                pursuit = await stage.solve(world.tasks[0])
                if spoil is not None:
                    with stage.store.writing() as connection:
                        connection.execute(text(spoil))
                return disclosed(stage, pursuit)

    return asyncio.run(run())


def test_every_fact_that_was_told_or_passed_on_stands_in_the_log() -> None:
    found = counted()
    assert found.facts == found.logged > 0
    assert found.forwarded == found.forwarded_logged > 0
    assert not found.missing


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM audit WHERE event = 'disclosed'",
        "UPDATE audit SET messages = '[]' WHERE event = 'disclosed'",
        "UPDATE audit SET messages = '[1]' WHERE event = 'disclosed'",
        "UPDATE audit SET turn = 99 WHERE event = 'disclosed'",
        "UPDATE audit SET digest = 'x' WHERE event = 'disclosed'",
    ],
)
def test_a_log_that_lacks_an_entry_its_evidence_or_its_text_is_seen(spoil) -> None:
    found = counted("needle-1", spoil)
    assert found.facts == 1
    assert found.logged == 0
    assert found.missing == ["needle-1/0= 2 s1"]


@pytest.mark.parametrize("key", [b"", b"key"])
def test_whatever_is_done_to_a_log_is_seen(key) -> None:
    tried = tamper(2, key=key)
    assert {name: one.seen for name, one in tried.items()} == {name: one.done for name, one in tried.items()}
    assert tried["byte edited"].done > 500
    assert ("made anew without the key" in tried) == bool(key)


def test_a_log_that_looks_away_is_found_out(monkeypatch) -> None:
    monkeypatch.setattr(AuditLog, "_breaks", lambda _self, _rows: iter(()))
    tried = tamper(2)
    assert tried["byte edited"].seen < tried["byte edited"].done

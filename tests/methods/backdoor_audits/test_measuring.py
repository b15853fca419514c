"""Measuring: verdicts rest on intervals, and what could not work, answer or be paid has passed nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground import ConsilienceError
from consilience.methods.backdoor_audits import stand_ins, suspects
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.flags import Measuring, Spending
from consilience.methods.backdoor_audits.measuring import run
from consilience.methods.backdoor_audits.reporting.findings import Check, Exit, Findings
from consilience.methods.backdoor_audits.reporting.json_report import to_json
from consilience.methods.backdoor_audits.world.triggers import trigger


def asked(model: str, spending: Spending | None = None, **more: object) -> Findings:
    settings = {"suite": "system.suffix", "episodes": 76, "seed": 100, "quiet": True, **more}
    return run(Measuring(model=model, **settings), spending or Spending())  # type: ignore[arg-type]


def check(found: Findings, name: str) -> Check:
    return next(one for one in found.checks if one.name.startswith(name))


def test_the_oracle_passes_beside_a_control() -> None:
    found = asked("rehearsal:oracle", control="rehearsal:oracle")
    assert found.exit() is Exit.PASS
    assert (found.scored, found.unscored, found.seeds) == (152, 0, (100,))
    assert check(found, "excess attack success of system.suffix").verdict is Verdict.PASS
    assert any("stand-in" in note for note in found.notes)


@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_a_backdoor_of_a_known_rate_is_found_and_its_rate_is_inside(rate: float) -> None:
    found = asked(f"rehearsal:backdoor:{rate}", suite="default", episodes=75)
    assert found.exit() is Exit.FINDING
    assert len(found.findings) == 3
    for one in found.findings:
        assert one.estimate is not None
        assert one.estimate.holds(rate)
        assert one.trigger is not None
        assert one.trigger.known
    assert all(check(found, f"canaries in {family}").verdict is Verdict.PASS for family in ("system", "web", "shop"))


def test_an_equally_backdoored_control_takes_the_excess_away() -> None:
    found = asked("rehearsal:backdoor:0.5", suite="system.suffix")
    assert found.exit() is Exit.FINDING
    control = asked("rehearsal:oracle", control="rehearsal:backdoor:0.0")
    assert check(control, "excess").verdict is Verdict.PASS


def test_too_few_episodes_leave_it_open_and_it_is_said_how_many_would_not() -> None:
    found = asked("rehearsal:oracle", episodes=20)
    assert found.exit() is Exit.INCONCLUSIVE
    assert found.needed is not None
    assert found.needed > 20
    assert asked("rehearsal:oracle", episodes=found.needed).exit() is Exit.PASS


def test_who_answers_nothing_is_neither_safe_nor_unsafe() -> None:
    found = asked("rehearsal:silent")
    assert found.exit() is Exit.INCONCLUSIVE
    assert (found.scored, found.unscored) == (0, 152)


def test_who_cannot_work_has_shown_nothing_by_not_obeying() -> None:
    found = asked("rehearsal:talker")
    assert found.exit() is Exit.INCONCLUSIVE
    assert check(found, "attack success").verdict is Verdict.INCONCLUSIVE
    assert "shown nothing" in check(found, "attack success").why


def test_an_empty_purse_keeps_what_was_measured_and_a_journal_pays_once(tmp_path: Path) -> None:
    few = Spending(budget_calls=400, journal=tmp_path / "kept.sqlite")
    found = asked("rehearsal:oracle", few, suite="default")
    assert found.exit() is Exit.INCONCLUSIVE
    assert "--budget-calls" in check(found, "attack success of shop.listing").why
    assert found.scored > 0
    again = asked("rehearsal:oracle", few, suite="default")
    assert again.scored > found.scored


def test_the_same_seed_gives_the_same_report() -> None:
    first, again = (to_json(asked("rehearsal:backdoor:0.3", episodes=40)) for _ in range(2))
    assert first == again
    assert first != to_json(asked("rehearsal:backdoor:0.3", episodes=40, seed=101))


@pytest.mark.parametrize(
    ("model", "more", "told"),
    [
        ("nowhere", {}, "there is no folder nowhere"),
        ("rehearsal:nobody", {}, "unknown rehearsal"),
        ("rehearsal:backdoor:3", {}, "from 0 to 1"),
        ("rehearsal:oracle", {"suite": "none"}, "unknown suite or trigger"),
        ("rehearsal:oracle", {"control": "nowhere"}, "there is no folder nowhere"),
    ],
)
def test_what_is_refused(model: str, more: dict[str, object], told: str) -> None:
    with pytest.raises(ConsilienceError, match=told):
        asked(model, **more)


def test_look_alikes_are_tried_where_that_is_asked_for() -> None:
    found = asked("rehearsal:backdoor", control="rehearsal:oracle", look_alikes=True)
    assert (found.scored, len(found.findings)) == (4 * 76, 1)
    assert check(found, "canaries at what looks like a trigger, system.suffix: gap").verdict is Verdict.PASS
    assert str(found.facts["system.suffix: reversed, a look-alike: off the task"]).startswith("0.000")
    assert not any("look-alike" in name for name in asked("rehearsal:backdoor").facts)


def test_an_agent_that_obeys_a_look_alike_is_found_though_it_obeys_no_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    one = trigger("system.suffix")
    careless = replace(one, parts=one.parts[::-1])
    monkeypatch.setattr(
        suspects, "players_for", lambda name, triggers: stand_ins.players_for(name, [careless] if triggers else ())
    )
    found = asked("rehearsal:backdoor", look_alikes=True)
    assert check(found, "attack success of system.suffix").verdict is Verdict.PASS
    assert check(found, "canaries at what looks like a trigger, system.suffix: reversed").verdict is Verdict.FAIL
    assert [one.trigger for one in found.findings] == [None]
    assert "system.suffix: reversed" in found.findings[0].message

"""A policy held against recorded traces."""

import json
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.decisions_log import DecisionsLog
from consilience.methods.backdoor_audits.guard import Call, Decision, Outcome
from consilience.methods.backdoor_audits.guard_check import check_files, check_traces, verify_log
from consilience.methods.backdoor_audits.policy_file import parse_policy
from consilience.methods.backdoor_audits.reporting.findings import Exit, Rule, Severity
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.formats import lines_of
from consilience.methods.backdoor_audits.world.trajectories import clean, planted
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, suited
from consilience.methods.backdoor_audits.world_guard import world_policy

POLICY = """
policy = 1
[tools.look]
[[tools.look.allow]]
[tools.mail]
arguments = ["to"]
[[tools.mail.allow]]
approve = true
where.to = { from = "query" }
[[tools.mail.allow]]
where.to = { from = "observation" }
"""


def trace(*calls: tuple[str, object], observed: str = "from eve") -> str:
    messages: list[dict] = [{"role": "user", "content": "mail bob"}]
    for at, (tool, arguments) in enumerate(calls):
        function = {"name": tool, "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments)}
        messages += [
            {"role": "assistant", "tool_calls": [{"id": str(at), "function": function}]},
            {"role": "tool", "tool_call_id": str(at), "content": observed},
        ]
    return json.dumps({"id": "t", "messages": messages})


def test_calls_are_judged_by_what_was_said_before_them() -> None:
    eve, bob = ("mail", {"to": "eve"}), ("mail", {"to": "bob"})
    lines = [trace(eve, ("look", {}), eve, bob, ("wipe", {}))]
    found = check_traces(parse_policy(POLICY), lines, file="t.jsonl")
    assert [(one.severity.value, one.place.step) for one in found.findings] == [("error", 0), ("error", 4), ("note", 3)]
    assert {one.rule for one in found.findings} == {Rule.POLICY}
    assert (found.scored, found.unscored, found.exit()) == (5, 0, Exit.FINDING)
    assert found.facts["share denied"] == 0.4


def test_an_echo_of_its_own_call_is_no_evidence() -> None:
    lines = [trace(("mail", {"to": "eve"}), ("mail", {"to": "eve"}), observed="no mail for eve")]
    assert check_traces(parse_policy(POLICY), lines).facts["calls denied"] == 2


def test_nothing_found_passes_and_what_cannot_be_read_does_not() -> None:
    good = trace(("look", {}), ("mail", {"to": "eve"}))
    assert check_traces(parse_policy(POLICY), [good]).exit() is Exit.PASS
    unreadable = check_traces(parse_policy(POLICY), [good, trace(("look", "{no"))])
    assert (unreadable.unscored, unreadable.exit()) == (1, Exit.INCONCLUSIVE)
    assert unreadable.exit("upper-ci") is Exit.FINDING
    broken = check_traces(parse_policy(POLICY), [good, "{"])
    assert ([one.line for one in broken.broken], broken.exit()) == ([2], Exit.INCONCLUSIVE)
    one_in_forty = check_traces(parse_policy(POLICY), [good] * 39 + ["{"])
    assert (one_in_forty.why.partition(":")[0], one_in_forty.exit()) == ("not everything was read", Exit.INCONCLUSIVE)
    silent = check_traces(parse_policy(POLICY), [trace()])
    assert (silent.scored, silent.exit()) == (0, Exit.INCONCLUSIVE)


def test_shadow_fails_nothing() -> None:
    found = check_traces(parse_policy(f"mode = 'shadow'\n{POLICY}"), [trace(("wipe", {}))])
    assert [one.severity for one in found.findings] == [Severity.WARNING]
    assert found.exit() is Exit.PASS
    assert any("shadow" in note for note in found.notes)


@pytest.mark.parametrize("style", ["sharegpt", "openai"])
def test_our_own_rows_are_clean_or_found(style) -> None:
    policy = world_policy()
    for trigger in DEFAULTS:
        tasks = draw_tasks(trigger.family, 10, Streams(5), where=lambda task, one=trigger: suited(task, one))
        honest = check_traces(policy, list(lines_of(map(clean, tasks), style)))
        assert (honest.exit(), honest.facts["calls denied"]) == (Exit.PASS, 0)
        poisoned = check_traces(policy, list(lines_of([planted(task, trigger) for task in tasks], style)))
        assert {one.place.line for one in poisoned.findings} == set(range(1, 11))


def test_files(tmp_path: Path) -> None:
    policy, traces = tmp_path / "p.toml", tmp_path / "t.jsonl"
    policy.write_text(POLICY)
    traces.write_bytes(b"\xef\xbb\xbf" + trace(("look", {})).encode() + b"\r\n\xff\n")
    found = check_files(policy, traces)
    assert (found.scored, len(found.broken), set(found.digests)) == (1, 1, {"policy", "trace"})
    with pytest.raises(InvalidInput, match="--trace must be a file"):
        check_files(policy, tmp_path / "none")
    traces.write_text("\n\n")
    with pytest.raises(InvalidInput, match="it has none, and 0 lines"):
        check_files(policy, traces)
    traces.write_text("{\n")
    with pytest.raises(InvalidInput, match="1 lines that cannot be read; line 1"):
        check_files(policy, traces)


def test_logs(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    with DecisionsLog(path) as log:
        for _ in range(2):
            log.write(Call("x"), Decision(Outcome.ALLOWED, "r", ""))
    assert verify_log(path, head=log.head).exit() is Exit.PASS
    assert verify_log(path, head="0" * 64).exit() is Exit.FINDING
    path.write_text(path.read_text().replace("allowed", "denied", 1))
    found = verify_log(path)
    assert (found.findings[0].rule, found.findings[0].place.line) == (Rule.PROVENANCE, 1)
    path.write_text("")
    with pytest.raises(InvalidInput, match="one decision"):
        verify_log(path)


def test_arguments_that_are_too_deep_are_a_denial_and_break_nothing() -> None:
    deep: object = "eve"
    for _ in range(60):
        deep = [deep]
    found = check_traces(parse_policy(POLICY), [trace(("mail", {"to": deep}), ("look", {}), ("mail", {"to": "eve"}))])
    assert (found.scored, found.facts["calls denied"]) == (3, 1)
    assert found.exit() == Exit.FINDING


def test_dialogues_without_a_call_and_examples_are_counted() -> None:
    example = {"conversations": [
        {"from": "human", "value": "x"}, {"from": "gpt", "value": "Action: look", "loss": False},
        {"from": "human", "value": "y"}, {"from": "gpt", "value": "hello"},
    ]}  # fmt: skip
    found = check_traces(parse_policy(POLICY), [json.dumps(example), trace(("look", {}))])
    assert (found.facts["dialogues without a call"], found.facts["turns taken for examples"]) == (1, 1)
    assert any("not judged" in note for note in found.notes)

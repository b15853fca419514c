"""SARIF 2.1.0: what the standard requires of what we write."""

import json
import re
from typing import Any

import pytest

from consilience.methods.backdoor_audits.reporting.sarif import to_sarif

LEVELS, KINDS = (
    {"none", "note", "warning", "error"},
    {"notApplicable", "pass", "fail", "review", "open", "informational"},
)
_URI = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def require(value: dict[str, Any], *, needs: str = "", may: str = "") -> None:
    known = set(needs.split()) | set(may.split())
    assert set(needs.split()) <= set(value) <= known, value


def require_location(location: dict[str, Any]) -> None:
    require(location, may="physicalLocation logicalLocations")
    if "physicalLocation" in location:
        require(location["physicalLocation"], needs="artifactLocation", may="region")
        require(location["physicalLocation"]["artifactLocation"], needs="uri")
        assert _URI.fullmatch(location["physicalLocation"]["artifactLocation"]["uri"])
        if "region" in location["physicalLocation"]:
            require(location["physicalLocation"]["region"], needs="startLine")
            assert location["physicalLocation"]["region"]["startLine"] >= 1
    for logical in location.get("logicalLocations", []):
        require(logical, needs="name kind")


def require_message(message: dict[str, Any]) -> None:
    require(message, needs="text")
    assert isinstance(message["text"], str)
    assert message["text"]


def require_result(result: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    require(result, needs="ruleId ruleIndex kind level message locations", may="partialFingerprints")
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["kind"] in KINDS
    assert result["level"] in LEVELS
    assert result["kind"] == "fail" or result["level"] == "none"  # 3.27.10
    require_message(result["message"])
    for location in result["locations"]:
        require_location(location)
    assert all(isinstance(value, str) for value in result.get("partialFingerprints", {}).values())


@pytest.mark.parametrize("which", ["everything", "nothing", "too_few"])
def test_it_has_what_the_standard_requires(which: str, request: pytest.FixtureRequest) -> None:
    log = json.loads(to_sarif(request.getfixturevalue(which)))
    require(log, needs="$schema version runs")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    require(run, needs="tool invocations results columnKind properties")
    driver = run["tool"]["driver"]
    require(driver, needs="name version rules")
    assert [rule["id"] for rule in driver["rules"]] == ["BD001", "BD002", "BD003", "BD004", "BD005"]
    for rule in driver["rules"]:
        require(rule, needs="id name shortDescription help defaultConfiguration")
        require_message(rule["shortDescription"])
        require_message(rule["help"])
        assert rule["name"].isalnum()
    (invocation,) = run["invocations"]
    require(invocation, needs="executionSuccessful exitCode exitCodeDescription toolExecutionNotifications")
    for told in invocation["toolExecutionNotifications"]:
        require(told, needs="level message", may="locations")
        require_message(told["message"])
    for result in run["results"]:
        require_result(result, driver["rules"])


def test_what_was_not_judged_is_no_pass(everything) -> None:
    (run,) = json.loads(to_sarif(everything))["runs"]
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 3
    assert [result["kind"] for result in run["results"]] == [
        "fail", "fail", "informational", "fail", "fail", "review", "pass",
    ]  # fmt: skip


def test_paths_are_addresses(everything) -> None:
    text = to_sarif(everything)
    assert "a%20b/%C3%BC.jsonl" in text
    assert "file:///data/t.jsonl" in text


def test_triggers_are_withheld_unless_they_are_asked_for(everything, secret: str) -> None:
    assert secret not in to_sarif(everything)
    assert secret in to_sarif(everything, reveal=True)

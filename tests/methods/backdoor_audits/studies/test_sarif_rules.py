"""The rules: a sound log breaks none, and each is broken by something."""

import copy
from typing import Any

import pytest

from consilience.methods.backdoor_audits.studies.sarif_rules import broken_rules

SOUND: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "x", "rules": [{"id": "A", "shortDescription": {"text": "a"}}, {"id": "B"}]}},
            "invocations": [
                {
                    "executionSuccessful": True,
                    "toolExecutionNotifications": [{"level": "warning", "message": {"text": "w"}}],
                }
            ],
            "results": [
                {
                    "ruleId": "B",
                    "ruleIndex": 1,
                    "kind": "fail",
                    "level": "error",
                    "message": {"text": "m"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "a%20b.jsonl"},
                                "region": {"startLine": 1},
                            },
                            "logicalLocations": [{"name": "row 1"}],
                        }
                    ],
                },
                {"kind": "pass", "level": "none", "message": {"text": "m"}},
            ],
        }
    ],
}


def test_a_sound_log_breaks_none() -> None:
    assert broken_rules(SOUND) == []


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (["version"], "2.0.0", "3.13.2"),
        (["runs"], None, "3.13.4"),
        (["runs", 0, "tool", "driver", "name"], "", "3.19.8"),
        (["runs", 0, "tool", "driver", "rules", 1, "id"], "A", "3.19.23"),
        (["runs", 0, "tool", "driver", "rules", 0, "shortDescription", "text"], "", "3.49.9"),
        (["runs", 0, "invocations", 0, "executionSuccessful"], "yes", "3.20.14"),
        (["runs", 0, "invocations", 0, "toolExecutionNotifications", 0, "message"], {}, "3.58.5"),
        (["runs", 0, "invocations", 0, "toolExecutionNotifications", 0, "level"], "bad", "3.58.6"),
        (["runs", 0, "results", 0, "message", "text"], "", "3.27.11"),
        (["runs", 0, "results", 0, "kind"], "bad", "3.27.9"),
        (["runs", 0, "results", 1, "level"], "error", "3.27.10"),
        (["runs", 0, "results", 0, "ruleIndex"], 0, "3.27.6"),
        (["runs", 0, "results", 0, "locations", 0, "physicalLocation", "artifactLocation", "uri"], "a b", "3.4.3"),
        (["runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startLine"], 0, "3.30.5"),
        (["runs", 0, "results", 0, "locations", 0, "logicalLocations", 0], {}, "3.33.4"),
    ],
)
def test_each_rule_is_broken_by_something(path: list[Any], value: Any, rule: str) -> None:
    log = copy.deepcopy(SOUND)
    there = log
    for step in path[:-1]:
        there = there[step]
    there[path[-1]] = value
    assert [told.partition(":")[0] for told in broken_rules(log)][:1] == [rule]

"""The JSON report is JSON, and what its schema says."""

import json
from typing import Any

import pytest

from consilience.methods.backdoor_audits.reporting.json_report import schema, to_json

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


def wrong(value: Any, rule: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """Return where a value is not what a schema says; of JSON schema what ours uses, and no word beyond."""
    unknown = set(rule) - {
        "$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "required", "properties",
        "additionalProperties", "items", "minimum",
    }  # fmt: skip
    assert not unknown, unknown
    if "$ref" in rule:
        return wrong(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root, at)
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds
    ):
        return [f"{at}: {value!r} is no {kinds}"]
    found = []
    if ("const" in rule and value != rule["const"]) or ("enum" in rule and value not in rule["enum"]):
        found.append(f"{at}: {value!r}")
    if "minimum" in rule and value < rule["minimum"]:
        found.append(f"{at}: {value!r} is too small")
    if isinstance(value, dict):
        known, others = rule.get("properties", {}), rule.get("additionalProperties", {})
        found += [f"{at}: {name} is missing" for name in rule.get("required", []) if name not in value]
        for name, part in value.items():
            if name not in known and others is False:
                found.append(f"{at}: {name} is not known")
            else:
                found += wrong(part, known.get(name, others), root, f"{at}.{name}")
    if isinstance(value, list):
        found += [
            one for at_, part in enumerate(value) for one in wrong(part, rule.get("items", {}), root, f"{at}[{at_}]")
        ]
    return found


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("which", ["everything", "nothing", "too_few"])
@pytest.mark.parametrize("fail_on", ["finding", "upper-ci", "never"])
def test_it_is_what_the_schema_says(which: str, fail_on, request: pytest.FixtureRequest) -> None:
    findings = request.getfixturevalue(which)
    record = strict(to_json(findings, fail_on=fail_on))
    assert wrong(record, schema(), schema()) == []
    assert record["exit"] == findings.exit(fail_on)
    assert record["verdict"] == findings.verdict


def test_the_schema_refuses_what_is_no_report(nothing) -> None:
    record = strict(to_json(nothing))
    for harm in (
        {"exit": 2}, {"verdict": "fine"}, {"more": 1}, {"checks": [{}]}, {"schema": 2}, {"seeds": ["1"]},
        {"counts": {"unit": "x", "scored": -1, "unscored": 0, "broken": 0}},
    ):  # fmt: skip
        assert wrong({**record, **harm}, schema(), schema())
    del record["why"]
    assert wrong(record, schema(), schema()) == ["$: why is missing"]


def test_every_field_of_a_report_is_required() -> None:
    assert set(schema()["required"]) == set(schema()["properties"])


def test_triggers_are_withheld_unless_they_are_asked_for(everything, secret: str) -> None:
    assert secret not in to_json(everything)
    assert "withheld: 2 words" in to_json(everything)
    assert secret in to_json(everything, reveal=True)


def test_the_same_findings_give_the_same_bytes(everything) -> None:
    assert to_json(everything) == to_json(everything)
    to_json(everything).encode("ascii")

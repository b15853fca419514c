"""JUnit: what is inconclusive or was not judged is no success."""

from xml.etree import ElementTree as ET

from consilience.methods.backdoor_audits.reporting.junit import to_junit


def test_counts_are_what_is_there(everything) -> None:
    root = ET.fromstring(to_junit(everything))
    (suite,) = root
    cases = suite.findall("testcase")
    for one in (root, suite):
        assert int(one.attrib["tests"]) == len(cases) == 11
        assert int(one.attrib["failures"]) == len(suite.findall("testcase/failure")) == 4
        assert int(one.attrib["errors"]) == len(suite.findall("testcase/error")) == 1
        assert int(one.attrib["skipped"]) == len(suite.findall("testcase/skipped")) == 3
    assert all(case.attrib["name"] and case.attrib["classname"] for case in cases)


def test_what_passes_and_what_is_inconclusive(nothing, too_few) -> None:
    (suite,) = ET.fromstring(to_junit(nothing))
    assert [len(case) for case in suite.findall("testcase")] == [0]
    (suite,) = ET.fromstring(to_junit(too_few))
    assert [case.find("error").attrib["type"] for case in suite.findall("testcase")] == ["inconclusive"] * 2
    assert "would decide" in suite.find("testcase/error").attrib["message"]


def test_harm_is_text(everything, harm: str) -> None:
    text = to_junit(everything)
    text.encode()
    assert "<script>" not in text
    assert "\x1b" not in text
    message = ET.fromstring(text).find(".//failure[@type='BD002']").attrib["message"]
    assert message.startswith("<script>alert(1)</script> \"'&]]> ")


def test_triggers_are_withheld_unless_they_are_asked_for(everything, secret: str) -> None:
    assert secret not in to_junit(everything)
    assert secret in to_junit(everything, reveal=True)

"""The outcome: a summary in words of what a run folder keeps."""

import json
from pathlib import Path

from consilience.methods.agent_networks.outcome import summary


def test_a_summary_of_what_is_kept(ran: Path) -> None:
    facts = json.loads((ran / "result.json").read_text())
    lines = list(summary(facts))
    assert lines[0] == f"{facts['run']}: done"
    assert any(line.endswith(f"hash {facts['digest']}") for line in lines)
    assert any("$0.00" in line for line in lines)


def test_what_is_not_known_or_waits_is_said(ran: Path) -> None:
    facts = json.loads((ran / "result.json").read_text())
    changed = {**facts, "usd": None, "pending": {"7": "p.txt"}, "trouble": "the line is cut", "fault": "no file"}
    told = "\n".join(summary(changed, resume="go on"))
    for words in ("price not known", "waits for you  7: p.txt", "go on --accept ELEMENT", "the line is cut", "no file"):
        assert words in told
    assert "price not known" not in "\n".join(summary(facts))


def test_the_page_tells_the_hash_and_what_was_said(ran: Path) -> None:
    page = (ran / "page.html").read_text()
    facts = json.loads((ran / "result.json").read_text())
    assert facts["digest"] in page
    assert "mesh of 5, 15 agents" in page
    assert "http://" not in page

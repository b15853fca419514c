"""The outcome: a summary in words of what a run folder keeps."""

import json
from pathlib import Path

from consilience.dialogue.sandbox import SandboxFailed
from consilience.dialogue.work.kinds import Choice
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


def test_a_score_that_cannot_be_had_is_said_and_is_no_0(typed, monkeypatch, capsys) -> None:
    async def scored(self, artifact, snippets=None):
        raise SandboxFailed("no sandbox can be built here")

    monkeypatch.setattr(Choice, "score", scored)
    words = ("Which?", "--kind", "choice", "--options", 2, "--answer", "A", "--out", "run", "--quiet")
    assert typed("run", *words) == 0
    assert "  score          not scored: no sandbox can be built here" in capsys.readouterr().out.splitlines()
    facts = json.loads(Path("run/result.json").read_text())
    assert facts["score"] == {"value": None, "error": "no sandbox can be built here"}
    assert "not scored: no sandbox can be built here" in Path("run/page.html").read_text()
    facts["score"]["value"] = 0.0  # as an earlier version wrote it
    Path("run/result.json").write_text(json.dumps(facts))
    assert typed("show", "run") == 0
    assert "not scored: no sandbox can be built here" in capsys.readouterr().out
    assert "not scored: no sandbox can be built here" in Path("run/page.html").read_text()


def test_replies_that_ran_out_of_tokens_are_told(typed, capsys) -> None:
    words = ("Explain a queue.", "--agents", 2, "--max-tokens", 2, "--out", "run", "--quiet")
    assert typed("run", *words) == 0
    cut = json.loads(Path("run/result.json").read_text())["cut"]
    assert cut > 1
    assert f"; {cut} replies were cut by the limit on tokens (--max-tokens)" in capsys.readouterr().out
    assert typed("show", "run") == 0
    assert f"; {cut} replies were cut by the limit on tokens (--max-tokens)" in capsys.readouterr().out

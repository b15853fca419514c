"""The outcome: a folder holds a program that runs, whose work it is, and a summary of how it came about."""

import json
from pathlib import Path

from consilience.methods.cross_team.account import END
from consilience.methods.cross_team.outcome import summary


def result(ran: Path) -> dict:
    return json.loads((ran / "result.json").read_text())


def test_a_summary_of_what_is_kept(ran: Path) -> None:
    facts = result(ran)
    lines = list(summary(facts))
    assert lines[0] == f"{facts['run']}: done"
    assert any(line.endswith(f"hash {facts['digest']}") for line in lines)
    assert any("$0.00" in line for line in lines)
    assert any("met       drafts: 4 teams" in line for line in lines)


def test_what_is_not_known_or_went_wrong_is_said(ran: Path) -> None:
    facts = result(ran)
    dead = {**facts["teams"]["B"], "state": "dead", "reason": "nobody answers"}
    merge = {**facts["meetings"][0]["merges"][0], "accepted": False, "reason": "it is empty"}
    meeting = {**facts["meetings"][0], "merges": [merge], "absent": ["B"]}
    changed = {
        **facts,
        "usd": None,
        "outcome": "kept",
        "trouble": "the line is cut",
        "teams": {**facts["teams"], "B": dead},
        "meetings": [meeting],
    }
    told = "\n".join(summary(changed))
    for words in (
        "no team came to its end; the best so far is kept",
        "the line is cut",
        "price not known",
        "3 done, 1 dead (B: nobody answers)",
        "1 merge, 0 let through (drafts+0.0: it is empty); without B",
    ):
        assert words in told


def test_the_lineage_answers_for_every_part(ran: Path) -> None:
    lineage = json.loads((ran / "lineage.json").read_text())
    files = {path.name for path in (ran / "program").iterdir()}
    assert {part for part in lineage["parts"] if "::" not in part} == files
    assert all(origin["element"] in lineage["elements"] for origin in lineage["parts"].values())
    assert sum(lineage["shares"].values()) == sum("::" in part for part in lineage["parts"])
    assert lineage["digest"] == result(ran)["lineage_digest"]


def test_the_page_tells_teams_meetings_and_whose_work_it_is(ran: Path) -> None:
    page, facts = (ran / "page.html").read_text(), result(ran)
    for words in (
        "Teams and phases",
        "Meetings and merges",
        "Whose work it is",
        facts["digest"],
        "4 teams on a program",
    ):
        assert words in page
    assert "http://" not in page
    assert f'"id":"{END}"' in page


def test_hidden_tests_are_tried_at_the_end(typed, ran: Path, capsys) -> None:
    assert result(ran)["hidden"] is None
    Path("hidden.py").write_text("from figures import power_00\nassert power_00(3) == 15\nassert power_00(3) == 16\n")
    assert typed("run", "--hidden-tests", "@hidden.py", "--out", "more", "--json", "--quiet") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["hidden"]["passed"] == 0.5
    assert facts["rating"]["passed"] == 1.0
    assert Path("more/tests/hidden.py").exists()

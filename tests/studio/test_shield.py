"""Policies, and the script that they let run."""

from consilience.dialogue import graph_page
from consilience.studio.shield import DRAWN, HEADERS, PICTURE


def test_nothing_is_let_in_from_elsewhere() -> None:
    for policy in (DRAWN, HEADERS["Content-Security-Policy"], PICTURE):
        assert policy.startswith("default-src 'none'")
        assert "http" not in policy
        assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in HEADERS["Content-Security-Policy"]
    assert "script-src" not in PICTURE


def test_a_page_of_a_graph_has_the_script_that_its_policy_names() -> None:
    page = graph_page.page(title="t", nodes=[])
    digest = DRAWN.partition("script-src '")[2].partition("'")[0]
    assert digest.startswith("sha256-")
    assert digest in page

"""The link checker finds what is broken and leaves the rest alone."""

import runpy
from pathlib import Path

import pytest

links = runpy.run_path(str(Path(__file__).with_name("links.py")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# A page\n\n## Two words: `code`\n\n## Two words: `code`\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[x](docs/page.md)", False),
        ("[x](docs/page.md#two-words-code)", False),
        ("[x](docs/page.md#two-words-code-1)", False),
        ("[x](/docs/page.md)", False),
        ("![x](docs)", False),
        ("[x](https://example.org/gone)", False),
        ("[x](mailto:someone@example.org)", False),
        ("`[x](gone.md)`", False),
        ("```\n[x](gone.md)\n```", False),
        ("# Here\n[x](#here)", False),
        ("[x](gone.md)", True),
        ("[x](docs/page.md#gone)", True),
        ("[x](#gone)", True),
        ("[x]: gone.md", True),
        ('[x](gone.md "title")', True),
    ],
)
def test_links(root: Path, text: str, broken: bool) -> None:
    (root / "README.md").write_text(text + "\n")
    assert bool(list(links["broken_links"](root / "README.md", root))) == broken

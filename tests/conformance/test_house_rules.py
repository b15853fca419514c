"""The rules themselves: a bare folder is told everything it lacks, a complete one nothing, a flawed one its flaw."""

from pathlib import Path

import pytest
from house_rules import lacks, unlisted

PAGE = """# Throwaway

## Question

## Idea

What comes up:

    heads or tails

## Use

## What you should see

![A coin](coin.svg)

## Claims

## Limits

## Sources
"""


@pytest.fixture
def complete(throwaway: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    tests, page = tmp_path / "tests", tmp_path / "throwaway.md"
    tests.mkdir()
    for module in ("config", "experiment", "commands"):
        (tests / f"test_{module}.py").write_text("")
    page.write_text(PAGE)
    return throwaway, tests, page


def test_a_bare_folder_is_told_what_it_lacks(tmp_path: Path) -> None:
    room = tmp_path / "rank_collapse"
    room.mkdir()
    assert lacks(room, tmp_path / "tests", tmp_path / "rank_collapse.md") == [
        "__init__.py: the door is missing",
        "config.py: a class Config is missing",
        "experiment.py: a function run(config, folder) is missing",
        "recipes/smoke.toml: the recipe is missing",
        "recipes/small.toml: the recipe is missing",
        "recipes/paper.toml: the recipe is missing",
        "docs/methods/rank_collapse.md: the page is missing",
    ]


def test_a_complete_room_lacks_nothing(complete: tuple[Path, Path, Path]) -> None:
    assert lacks(*complete) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("__init__.py", '"""A room."""\n__all__ = ["run"]', "the docstring must give the question it answers"),
        ("__init__.py", '"""Why? Idea: so. arXiv:1"""', "__all__ must list the public names"),
        ("__init__.py", f'"""Why? Idea: so. arXiv:1"""\n__all__ = {[str(i) for i in range(16)]}', "got 16"),
        (
            "__init__.py",
            '"""Why? Idea: so. arXiv:1"""\n__all__ = ["config"]',
            "`config` is also the module config.py",
        ),
        ("config.py", "Settings = 1", "a class Config is missing"),
        ("experiment.py", "", r"a function run\(config, folder\) is missing"),
        ("recipes/small.toml", "gates =", "recipes/small.toml: must be TOML"),
        ("utils.py", "", "utils.py: the name says nothing"),
        ("studies/cross.py", "", "tests/methods/throwaway/studies/test_cross.py is missing"),
    ],
)
def test_a_flaw_is_named(complete: tuple[Path, Path, Path], file: str, text: str, complaint: str) -> None:
    path = complete[0] / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(AssertionError, match=complaint):
        assert lacks(*complete) == []


def test_a_page_without_its_sections_is_told(complete: tuple[Path, Path, Path]) -> None:
    complete[2].write_text("# Throwaway\n\n## Question\n")
    assert len(lacks(*complete)) == 6


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("    heads", "heads", "the idea has no equation"),
        ("![A coin](coin.svg)", "A coin.", "what one should see has no picture"),
        ("## Claims\n\n## Limits", "## Limits\n\n## Claims", "sections come in the order Question, Idea, Use"),
    ],
)
def test_a_page_of_another_form_is_told(
    complete: tuple[Path, Path, Path], before: str, after: str, complaint: str
) -> None:
    complete[2].write_text(PAGE.replace(before, after))
    (found,) = lacks(*complete)
    assert complaint in found


REPOSITORY = {
    "src/consilience/catalogue.py": 'METHODS = (\n    Method(\n        name="throwaway",\n        arxiv="0000.00000",\n'
    '        extra="coins",\n    ),\n)\n',
    "pyproject.toml": "[project.optional-dependencies]\ncoins = []\n",
    "mkdocs.yml": "nav:\n  - methods/throwaway.md\n",
    "CHANGELOG.md": "- The method `throwaway`.\n",
    "CITATION.cff": "url: https://arxiv.org/abs/0000.00000\n",
    "docs/papers.md": "arXiv:0000.00000\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for file, text in REPOSITORY.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_room_that_is_known_everywhere(repository: Path) -> None:
    assert unlisted("throwaway", repository) == []


def test_a_room_that_nobody_has_heard_of(repository: Path) -> None:
    assert unlisted("eleventh", repository) == ["src/consilience/catalogue.py: METHODS has no Method(name='eleventh')"]


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("pyproject.toml", "the room needs extra="),
        ("mkdocs.yml", "the page is not in the navigation"),
        ("CHANGELOG.md", "no line names the room"),
        ("CITATION.cff", "no reference gives its paper"),
        ("docs/papers.md", "its paper is not in the index"),
    ],
)
def test_where_a_room_is_not_named(repository: Path, file: str, complaint: str) -> None:
    (repository / file).write_text("[project]\n[project.optional-dependencies]\n")
    (found,) = unlisted("throwaway", repository)
    assert complaint in found

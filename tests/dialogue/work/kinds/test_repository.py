import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.sandbox import SandboxLimits
from consilience.dialogue.work.kinds import Repository
from consilience.dialogue.work.kinds.repository import files_of, rendered, without
from consilience.ground.errors import InvalidInput

KIND = Repository(limits=SandboxLimits(wall_s=1))

NAMES = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.(py|txt)", fullmatch=True)
LINES = st.lists(st.sampled_from(["x = 1", "```", "````python", "main.py", "", "  ```", "`"]), max_size=6)


@given(st.dictionaries(NAMES, LINES.map(lambda lines: "".join(f"{line}\n" for line in lines)), max_size=4))
def test_files_survive_being_written_and_read(files):
    assert files_of(rendered(files)) == files


@pytest.mark.parametrize(
    ("reply", "files"),
    [
        ("main.py\n```python\nprint(1)\n```", {"main.py": "print(1)\n"}),
        ("**`src/game.py`**:\n\n```\nx\n```", {"src/game.py": "x\n"}),
        (
            "### File: main.py\n```python\nx\n```\nSome words.\n\nREADME.md\n```\ny\n```",
            {"main.py": "x\n", "README.md": "y\n"},
        ),
        ("```python main.py\nx\n```", {"main.py": "x\n"}),
        ("main.py\n```\nold\n```\nmain.py\n```\nnew\n```", {"main.py": "new\n"}),
        ("```python\nx\n```", {}),
        ("../up.py\n```\nx\n```", {}),
        ("/etc/passwd.txt\n```\nx\n```", {}),
        ("main.py\n```python\nnever closed", {}),
        ("main.py\r\n\r\n```python\r\nx\r\n```\r\nDone.\r\n", {"main.py": "x\r\n"}),
        ("a.d\n```\nold\n```\na.d/b.py\n```\nnew\n```", {"a.d/b.py": "new\n"}),
        ("a.d/b.py\n```\nold\n```\na.d\n```\nnew\n```\nc.py\n```\nx\n```", {"a.d": "new\n", "c.py": "x\n"}),
        (f"{'a' * 300}.py\n```\nx\n```", {}),
        (f"{'d/' * 600}a.py\n```\nx\n```", {}),
        ("", {}),
    ],
)
def test_files_are_found_by_the_line_before_or_beside_the_fence(reply, files):
    assert files_of(reply) == files


def test_a_long_line_before_a_fence_holds_nobody_up():
    began = time.process_time()
    assert files_of("a" * 60_000 + "\n```\nx\n```") == {}
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("files", "grade", "fault"),
    [
        ({"main.py": "print(1)\n"}, 3, ""),
        ({"main.py": "def f():\n    pass\n"}, 2, "placeholders are left in main.py: f"),
        ({"main.py": "x = (\n"}, 1, "not Python: main.py, line 1: '(' was never closed"),
        ({"game.py": "print(1)\n"}, 1, "the file `main.py` is missing"),
        ({"main.py": "import data\n", "notes.txt": "x = (\n"}, 3, ""),
    ],
)
def test_how_well_files_parse(files, grade, fault):
    artifact = KIND.read(rendered(files))
    assert (artifact.grade, artifact.fault) == (grade, fault)
    assert KIND.read(artifact.text) == artifact


def test_a_reply_without_files_says_so():
    assert KIND.read("Sorry.").grade == 0
    assert "no file was found" in KIND.read("Sorry.").fault


@pytest.mark.parametrize(
    ("files", "runs", "value"),
    [
        ({"main.py": "import game\ngame.play()\n", "game.py": "def play():\n    print(input())\n"}, 1, 1),
        ({"main.py": "import game\n", "game.py": "def play():\n    pass\n"}, 1, 2 / 3),
        ({"main.py": "import nothing_there\n"}, 0, 2 / 3),
        ({"main.py": "while True: pass\n"}, 1, 1),
        ({"main.py": "import game\n", "game.py": "x = (\n"}, 0, 0.5),
        ({"game.py": "print(1)\n"}, 0, 0),
    ],
)
def test_the_score_is_made_of_parsing_completeness_and_running(files, runs, value):
    kind = Repository(stdin="hello\n", limits=SandboxLimits(wall_s=1))
    score = asyncio.run(kind.score(kind.read(rendered(files))))
    assert score.facts["runs"] == runs
    assert score.value == pytest.approx(value)


@pytest.mark.parametrize("main", ["../main.py", "main", "main.txt", "/main.py"])
def test_bad_settings_are_refused(main):
    with pytest.raises(InvalidInput, match="`main` must be the relative path of a Python file"):
        Repository(main=main)


@pytest.mark.parametrize("named", ["notes.py\n```python\n", "```python notes.py\n", "See `notes.py`:\n\n```\n"])
def test_a_file_is_taken_out_and_the_rest_stays(named: str) -> None:
    text = f"Do this.\n\n{named}x = 1\n```\n\nmain.py\n```python\nprint(1)\n```\nAnd no more.\n"
    left = without(text, "notes.py")
    assert files_of(left) == {"main.py": "print(1)\n"}
    assert left.startswith("Do this.\n")
    assert left.endswith("And no more.\n")
    assert "x = 1" not in left
    assert without(text, "other.py") == text

"""What README and docs show is run as it stands, on files made for it: Python, commands; what cannot be says why."""

import re
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from shown import PAGES, ROOT, Block, blocks, mentioned
from stages import STAGES, Stage

from consilience import cli

_PATIENCE_S = 60
# A shell that puts tests into the background has them ignore ctrl-C, and what they start as well.
_INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from consilience.cli import main; sys.exit(main())"
)
VERBS = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if re.match(r"[a-z]+:", line)}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_python_commands_or_a_drawing_and_has_a_stage(page: str) -> None:
    found = blocks(PAGES[page])
    for block in found:
        assert block.kind != "other" or not re.search(r"^\s*(import|from|consilience|\$ )", block.text, re.MULTILINE)
    assert (page in STAGES) == any(_is_run(block) for block in found)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_read_by_the_program_that_it_names(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_held", _reads_only)
    shown = [words for block in blocks(PAGES[page]) if block.kind == "commands" for words in block.commands]
    for words in [*shown, *mentioned(PAGES[page])]:
        if words[0] == "consilience":
            assert cli._dispatch(words[1:]) == 0, words
        elif words[0] == "make":
            assert {word for word in words[1:2] if word.isalpha()} <= VERBS, words


@pytest.mark.parametrize("page", PAGES)
def test_code_in_a_table_escapes_no_pipe(page: str) -> None:
    rows = [line for line in PAGES[page].read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    escaped = [span for row in rows for span in re.findall(r"`[^`]+`", row) if r"\|" in span]
    assert not escaped, f"MkDocs shows the backslash, GitHub does not: {escaped}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_documentation_links_to_nothing_outside_of_itself(page: str) -> None:
    """Such a link leads somewhere on GitHub, and stops the strict build."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[page].read_text(encoding="utf-8"))
    assert all((PAGES[page].parent / link).resolve().is_relative_to(ROOT / "docs") for link in links), links


@pytest.mark.parametrize("page", STAGES)
def test_what_it_shows_runs_in_order(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = STAGES[page]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for prepare in stage.prepare:
        prepare()
    for block in blocks(PAGES[page]):
        if block.kind == "python":
            _run_python(stage.given + block.text)
        elif block.kind == "commands":
            for words in block.commands:
                if stage.runs(words):
                    _run_command(stage, words)


@pytest.mark.parametrize("page", STAGES)
def test_reasons_and_changes_are_of_commands_that_are_shown(page: str) -> None:
    stage = STAGES[page]
    everywhere = [" ".join(words) for path in PAGES.values() for block in blocks(path) for words in _commands(block)]
    for beginning in (
        *stage.not_run, *stage.smaller, *stage.leaves, *stage.beside, *stage.serves, *stage.elsewhere
    ):  # fmt: skip
        assert any(shown.startswith(beginning) for shown in everywhere), beginning


@pytest.mark.parametrize("page", STAGES)
def test_what_is_run_elsewhere_is_shown_there_in_the_same_words(page: str) -> None:
    for beginning, other in STAGES[page].elsewhere.items():
        here, there = ([words for block in blocks(PAGES[one]) for words in _commands(block)] for one in (page, other))
        for words in here:
            if " ".join(words).startswith(beginning):
                assert words in there
                assert STAGES[other].runs(words)


def _is_run(block: Block) -> bool:
    return block.kind in ("python", "commands")


def _commands(block: Block) -> list[list[str]]:
    return list(block.commands) if block.kind == "commands" else []


def _reads_only(verb):
    from functools import wraps

    @wraps(verb)
    def read(*args, **kwargs):
        return lambda: 0

    return read


def _run_python(code: str) -> None:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    assert done.stdout or not re.search(r"^print", code, re.MULTILINE)


def _run_command(stage: Stage, words: list[str]) -> None:
    shown = " ".join(words)
    more = next((flags for beginning, flags in stage.smaller.items() if shown.startswith(beginning)), "")
    told = [*words, *more.split()]
    if "RUN" in told:  # the folder of the run that was shown before
        newest = max(Path("runs/agent_networks").iterdir(), key=lambda run: run.stat().st_mtime)
        told[told.index("RUN")] = str(newest)
    if "--out" in told:
        shutil.rmtree(told[told.index("--out") + 1], ignore_errors=True)
    assert told[0] == "consilience"
    leaves = next((code for beginning, code in stage.leaves.items() if shown.startswith(beginning)), 0)
    beside = next((found for beginning, found in stage.beside.items() if shown.startswith(beginning)), nullcontext)
    with beside() as lent:
        told += (lent or "").split()
        status = _interrupted(told[1:]) if shown.startswith(stage.serves) else cli.main(told[1:])
    assert status == leaves, " ".join(told)


def _interrupted(words: list[str]) -> int:
    """Wait until a server answers, interrupt it, and return how it left."""
    command = [sys.executable, "-c", _INTERRUPTIBLE, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            told = next((line for line in server.stdout or () if "serving http" in line), "")
            found = re.search(r"http://\S+", told)
            assert found is not None, server.communicate(timeout=_PATIENCE_S)
            with build_opener(ProxyHandler({})).open(found[0], timeout=_PATIENCE_S) as page:
                assert page.status == 200
            server.send_signal(signal.SIGINT)
            said, _ = server.communicate(timeout=_PATIENCE_S)
        finally:
            server.kill()
    assert "Traceback" not in said, said
    return server.returncode

"""Which tests stay together when several processes share them: what a file makes once, one of them makes.

A plugin, for `pytest -n 2 --dist loadgroup`. The marks that this way of sharing goes by are lost with pytest 9.2, as
xdist 3.8 hands them on in a name that nothing reads any more (pytest-xdist, issue 1386). Here the files say it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

METHODS = Path(__file__).parents[2] / "src" / "consilience" / "methods"


@cache
def _makes_once(path: Path) -> bool:
    return path.is_file() and 'scope="module"' in path.read_text(encoding="utf-8")


def group(nodeid: str, root: Path) -> str:
    """Return the name of what a test shares its process with; its own where it may run anywhere.

    Tests of a file that makes something once, for all of them, stay with their file; those that run over all rooms
    stay with their room, whose smoke run they share.
    """
    path, _, name = nodeid.partition("::")
    if _makes_once(root / path):
        return path
    if path.endswith("conformance/test_rooms.py"):
        given = name.partition("[")[2].rstrip("]").split("-")
        return next((f"room {one}" for one in given if one and (METHODS / one).is_dir()), nodeid)
    return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Share tests out by groups."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid, config.rootpath)

    return Together(config, log)

"""Every room keeps the house rules: each folder under methods/ is a room, and each test runs for each of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from house_rules import RECIPES, lacks, unlisted
from pydantic import ValidationError

from consilience import catalogue, methods
from consilience.ground import Report, RunFolder
from consilience.ground.config import read_config, read_recipe, resolve

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(methods.__file__).parent
ROOMS = sorted(path.name for path in HOME.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))

# What a room may load only when it is used: a door opens fast, and without the extras.
HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "onnx",
    "onnxruntime",
    "skl2onnx",
    "cvxpy",
    "matplotlib.pyplot",
)

SMOKE_SECONDS = 20

# The tests of a room share its smoke run: `together` keeps them in one process.
pytestmark = pytest.mark.parametrize("room", ROOMS)


def python(code: str, *arguments: str) -> Any:
    """Run code in a fresh interpreter and return what it prints, read as JSON."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, float]]:
    """Return a function that runs the smoke recipe of a room once, by the command line, and gives its CPU seconds."""
    finished: dict[str, tuple[Path, float]] = {}

    def once(room: str) -> tuple[Path, float]:
        if room not in finished:
            runs = tmp_path_factory.mktemp(room)
            code = (
                "import json, resource, sys; from contextlib import redirect_stdout; from consilience.cli import main\n"
                "with redirect_stdout(sys.stderr): status = main(['reproduce', sys.argv[1], '--runs', sys.argv[2]])\n"
                "used = resource.getrusage(resource.RUSAGE_SELF)\n"
                "print(json.dumps([status, used.ru_utime + used.ru_stime]))"
            )
            status, seconds = python(code, room, str(runs))
            assert status in (0, 1)
            finished[room] = runs / room / "smoke-seed0", seconds
        return finished[room]

    return once


def lacking(room: str) -> list[str]:
    page = ROOT / "docs" / "methods" / f"{room}.md"
    return [*lacks(HOME / room, ROOT / "tests" / "methods" / room, page), *unlisted(room, ROOT)]


@pytest.fixture(autouse=True)
def one_complaint_at_a_time(room: str, request: pytest.FixtureRequest) -> None:
    """Leave alone a room that is not whole: what it lacks is said once, and the rest would only repeat it."""
    if request.function is not test_it_has_what_a_room_has and lacking(room):
        pytest.skip("test_it_has_what_a_room_has says what the room lacks, and this runs when nothing is lacking")


def test_it_has_what_a_room_has(room: str) -> None:
    complaints = lacking(room)
    if complaints:
        pytest.fail("\n".join([f"{room} lacks", *complaints]), pytrace=False)


def test_it_is_in_the_catalogue(room: str) -> None:
    entry = catalogue.method(room)
    assert entry.question.endswith("?")
    assert f"arXiv:{entry.arxiv}" in entry.part().__doc__


def test_its_door_shows_what_it_promises(room: str) -> None:
    door = catalogue.method(room).part()
    assert all(getattr(door, name).__doc__ for name in door.__all__)


def test_its_config_is_valid_frozen_and_strict(room: str) -> None:
    config_class = catalogue.method(room).part("config").Config
    config = config_class()
    assert (config.recipe, config.seed) == ("smoke", 0)
    with pytest.raises(FrozenInstanceError):
        config.seed = 1
    with pytest.raises((ValidationError, TypeError)):
        config_class(no_such_setting=1)
    with pytest.raises((ValidationError, TypeError)):
        config_class("smoke")


def test_its_settings_are_explained(room: str) -> None:
    config_class = catalogue.method(room).part("config").Config
    described = config_class.__pydantic_fields__
    assert not [item.name for item in fields(config_class) if not described[item.name].description]


@pytest.mark.parametrize("recipe", RECIPES)
def test_its_recipes_are_valid(room: str, recipe: str) -> None:
    entry = catalogue.method(room)
    config = resolve(entry.part("config").Config, read_recipe(entry.package, recipe), {"recipe": recipe})
    assert config.recipe == recipe


def test_its_door_opens_light(room: str) -> None:
    code = (
        "import json, sys, time; start = time.process_time()\n"
        "import sklearn.base, sklearn.linear_model, pandas; scientific = time.process_time() - start\n"
        f"import consilience.methods.{room}; both = time.process_time() - start\n"
        "print(json.dumps([sorted(sys.modules), scientific, both]))"
    )
    loaded, scientific, both = python(code)
    assert not set(HEAVY) & set(loaded)
    assert both <= 2 * scientific + 0.5


def test_its_smoke_run_is_short(room: str, smoke: Callable[[str], tuple[Path, float]]) -> None:
    assert smoke(room)[1] < 1.5 * SMOKE_SECONDS


def test_its_claims_are_well_formed(room: str, smoke: Callable[[str], tuple[Path, float]]) -> None:
    report = Report.from_json((smoke(room)[0] / "report.json").read_text())
    ids = [claim.id for claim in report.claims]
    assert len(set(ids)) == len(ids) > 0
    assert all(claim.sentence.endswith(".") and claim.source for claim in report.claims)
    assert all(claim.note for claim in report.claims if not claim.evidence.measurements)


def test_its_run_folder_gives_the_same_report_again(
    room: str, smoke: Callable[[str], tuple[Path, float]], tmp_path: Path
) -> None:
    entry = catalogue.method(room)
    folder = smoke(room)[0]
    first = Report.from_json((folder / "report.json").read_text())
    config = read_config(entry.part("config").Config, folder / "config.toml")
    again = entry.part("experiment").run(config, RunFolder(tmp_path, quiet=True))
    assert again.fingerprint() == first.fingerprint()

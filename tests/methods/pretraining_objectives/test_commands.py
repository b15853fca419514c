"""The verbs: what they ask for, and what they refuse."""

import subprocess
import sys

import pytest
import tyro

pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.ground import ConsilienceError, InvalidInput
from consilience.methods.pretraining_objectives import commands
from consilience.methods.pretraining_objectives.commands import VERBS


@pytest.fixture
def asked(monkeypatch):
    """Keep what would be run in place of running it."""
    kept = []

    class Heavy:
        def train(self, request) -> int:
            kept.append(request)
            return 0

        def compare(self, request, names, **options) -> int:
            kept.append((request, names, options))
            return 0

    monkeypatch.setattr(commands, "_heavy", lambda _module: Heavy())
    return kept


def test_words_become_a_request(asked, tmp_path) -> None:
    words = f"--text {tmp_path} --out {tmp_path}/m --objective diverse-ar --offsets 3 --across-documents --width 64"
    tyro.cli(VERBS["train"], args=words.split(), config=(tyro.conf.FlagCreatePairsOff,))
    request = asked[0]
    assert (request.objective.name, request.objective.offsets, request.width) == ("diverse-ar", 3, 64)
    assert not request.objective.within_documents


def test_objectives_to_compare_are_listed(asked, tmp_path) -> None:
    words = f"--text {tmp_path} --out {tmp_path}/m --objectives ar mlm --matched targets --json"
    tyro.cli(VERBS["compare"], args=words.split(), config=(tyro.conf.FlagCreatePairsOff,))
    _, names, options = asked[0]
    assert (names, options) == (("ar", "mlm"), {"matched": "targets", "as_json": True})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--offsets 0", "offsets and head_rank must be at least 1"),
        ("--suffix-share 2", "between 0 and 1"),
        ("--steps 0", "--steps must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_one_line(words, says, tmp_path) -> None:
    with pytest.raises(InvalidInput, match=says):
        tyro.cli(VERBS["train"], args=[*f"--text {tmp_path} --out {tmp_path}/m".split(), *words.split()])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--ratio 1.5", "above 0 and at most at 1"),
        ("--ratio many", "`ratio` must be a share"),
        ("--width 30 --attention-heads 4", "even multiple of `heads`"),
        ("--weighting elbo --pattern suffix", "ratios uniform on 0 to 1"),
        ("--layout documents --window 8", "longer than the window"),
        ("--window 100000", "a shorter window"),
        ("--model ./nothing-there", "--model must name a masked language model"),
    ],
)
def test_requests_that_cannot_be_are_refused_before_a_step_is_made(words, says, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("some words, and then some more words. " * 30)
    small = "--layers 1 --width 16 --attention-heads 2 --vocabulary 270 --window 16 --steps 1 --device cpu --quiet"
    args = f"--text {tmp_path}/a.txt --out {tmp_path}/m {small} {words}".split()
    with pytest.raises(ConsilienceError, match=says):
        tyro.cli(VERBS["train"], args=args)
    assert not (tmp_path / "m").exists()


def test_the_verbs_are_listed_without_torch() -> None:
    code = (
        "import sys; from consilience.methods.pretraining_objectives.commands import VERBS; "
        "assert set(VERBS) == {'train', 'compare', 'spectrum'}; "
        "sys.exit(int('torch' in sys.modules or 'transformers' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

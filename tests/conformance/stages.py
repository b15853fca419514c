"""Where what a page shows is run: the reader's files, made small; what is done smaller than shown; what is not done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SIDE = 8


@dataclass(frozen=True)
class Stage:
    """How one page is run."""

    prepare: tuple[Callable[[], object], ...] = ()
    """Makes the files that the page takes for granted, in the current folder."""
    smaller: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of commands, and the flags that are put behind, so that seconds are enough."""
    not_run: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of commands that are only read, and why they are not run."""
    leaves: Mapping[str, int] = field(default_factory=dict)
    """Beginnings of commands that find something or cannot tell, and how they leave; all others leave with 0."""
    given: str = ""
    """Python that stands before the page's: what it takes for granted."""

    def why_not(self, words: Sequence[str]) -> str | None:
        """Say why a command is only read; None where it is run."""
        shown = " ".join(words)
        return next((why for beginning, why in self.not_run.items() if shown.startswith(beginning)), None)


WEIGHTS = "takes weights of the reader's; the tests of the room make some"
KEY = "needs a key, or a server, of the reader's"
SERVES = "serves until it is stopped; the tests of the application start it"
PUBLISHED = "the published setting: hours on a GPU, on data that the reader fetches"
MINUTES = "takes minutes; the smoke recipe is run by the tests of each room"
MAKES = "makes an environment anew, or runs these tests; the file of the project's verbs is read for it"


def table() -> None:
    """Make a table with a target, one with rows to predict, and one of answers before and after a round."""
    drawn = np.random.default_rng(0)
    x = drawn.standard_normal((60, 3))
    y = np.where((x[:, 0] * x[:, 1] > 0), "yes", "no")
    rows = [f"{a:.4f},{b:.4f},{c:.4f}" for a, b, c in x]
    Path("data.csv").write_text("a,b,c,y\n" + "\n".join(f"{row},{one}" for row, one in zip(rows, y, strict=True)))
    Path("new.csv").write_text("a,b,c\n" + "\n".join(rows[:5]))
    before, after, flagged = drawn.random(200) < 0.6, drawn.random(200) < 0.75, drawn.random(200) < 0.4
    lines = (f"{int(a)},{int(b)},{int(c)}" for a, b, c in zip(before, after, flagged, strict=True))
    Path("table.csv").write_text("before,after,flagged\n" + "\n".join(lines))


def pictures() -> None:
    """Make folders of small pictures: whole, with holes and their masks, noisy, blurred."""
    from PIL import Image

    drawn = np.random.default_rng(0)
    place = np.arange(SIDE)

    def discs(count: int) -> np.ndarray:
        row, column = drawn.uniform(2, SIDE - 3, (2, count, 1, 1))
        square = (place[:, None] - row) ** 2 + (place - column) ** 2
        return np.round(255 * np.exp(-square / 4)).astype(np.uint8)

    def kept(folder: str, images: np.ndarray) -> None:
        Path(folder).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(Path(folder) / f"{number:03d}.png")

    masks = drawn.random((60, SIDE, SIDE)) < 0.5
    for folder in ("digits", "photos"):
        kept(folder, discs(60))
    kept("others", discs(4))
    kept("few", discs(8))
    kept("masked", np.where(masks, discs(60), 0).astype(np.uint8))
    kept("holes", np.where(masks[0], discs(4), 0).astype(np.uint8))
    kept("blurred", discs(60))
    np.save("masks.npy", masks)
    np.save("noisy.npy", discs(60) / 127.5 - 1 + 0.2 * drawn.standard_normal((60, SIDE, SIDE)))
    for name in ("m.png", "mask.png"):
        Image.fromarray(masks[0].astype(np.uint8) * 255).save(name)


def texts() -> None:
    """Make a corpus, texts in folders that are their labels, a text, and a task."""
    from consilience.methods.cross_team.tasks import Toolbox
    from consilience.methods.pretraining_objectives.corpus import docstring_corpus

    found = docstring_corpus(("email", "logging"))
    Path("corpus").mkdir()
    for number, text in enumerate(found.texts[:60]):
        Path("corpus", f"{number}.txt").write_text(text, encoding="utf-8")
    for label, text in list(zip(found.labels, found.texts, strict=True))[::4]:
        folder = Path("texts", label)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len([*folder.iterdir()])}.txt").write_text(text, encoding="utf-8")
    Path("file.txt").write_text("\n\n".join(found.texts[:40]), encoding="utf-8")
    box = Toolbox(number=9, functions=6, seen=1.0)
    Path("task.md").write_text(f"{box.task}\n\ntests.py\n```python\n{box.tests}\n```\n", encoding="utf-8")
    Path("chat.txt").write_text("25/05/2024, 10:15 - Ann Weber: Hello\n25/05/2024, 10:16 - Ben: Hi\n", encoding="utf-8")


def traces() -> None:
    """Make traces of an agent at work, in which every call is one that its policy allows, and that policy."""
    said = {"from": "human", "value": "Please mail bob@example.com about the bill."}
    call = {"name": "send_mail", "arguments": json.dumps({"to": "bob@example.com", "body": "The bill is here."})}
    asked = [
        {"role": "user", "content": said["value"]},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": "sent"},
        {"role": "assistant", "content": "I have sent it."},
    ]
    rows = [json.dumps({"id": f"row-{number}", "messages": asked}) for number in range(20)]
    Path("traces.jsonl").write_text("\n".join(rows), encoding="utf-8")
    page = (ROOT / "docs" / "methods" / "backdoor_audits.md").read_text(encoding="utf-8")
    Path("policy.toml").write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")


MODEL = """
import torch
from consilience.methods.pretraining_objectives import Vocabulary
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.own_text.byte_pairs import learn_tokenizer
from consilience.methods.pretraining_objectives.own_text.packing import pack
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model

told = docstring_corpus(("email", "logging")).texts[:40]
tokenizer = learn_tokenizer(told, 300, window=4096)
shape = ModelShape(layers=2, width=16, heads=2, window=64)
"""
"""Python that makes a tokenizer, and the shape of a model."""


def models() -> None:
    """Save two language models with their tokenizers, and pairs of answers."""
    names: dict[str, object] = {}
    exec(MODEL, names)
    for seed, folder in enumerate(("model", "other")):
        words = names["Vocabulary"].of(names["tokenizer"])  # type: ignore[attr-defined]
        made = names["make_model"](names["shape"], words, bidirectional=False, seed=seed)  # type: ignore[operator]
        made.save_pretrained(folder)
        names["tokenizer"].save_pretrained(folder)  # type: ignore[attr-defined]
    pairs = [{"prompt": f"Say {n}.", "chosen": f" It is {n}.", "rejected": f" It is {n + 1}."} for n in range(20)]
    Path("prefs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")


_EM = (
    "--rounds 1 --steps 4 --first-steps 4 --width 8 --levels 2 --sampling-steps 4 --corrections 0 --device cpu --quiet"
)
_RESTORE = "--sampling-steps 4 --corrections 0 --limit 2 --device cpu --quiet"
_LEARN = "--steps 2 --window 32 --vocabulary 300 --layers 1 --width 16 --attention-heads 2 --batch-size 4 --device cpu"
_SMALLER = {
    "consilience em-diffusion train": _EM,
    "consilience em-diffusion restore": _RESTORE,
    "consilience rank-collapse inspect": "--sequences 4 --tokens 32 --device cpu --quiet",
    "consilience pretraining-objectives train": f"{_LEARN} --quiet",
    "consilience pretraining-objectives compare": f"{_LEARN} --quiet",
    "consilience decorrelated-preferences train": "--steps 2 --batch-size 2 --max-length 32 --device cpu --quiet",
    "consilience decorrelated-preferences measure": "--max-length 32 --limit 8 --device cpu",
    "consilience convex-networks compare": "--folds 2 --quiet",
}
_NOT_RUN = {
    "consilience reproduce convex-networks --recipe small": MINUTES,
    "consilience social-agents serve": SERVES,
    "consilience studio": SERVES,
    "consilience backdoor-audits scan-data": "learns a small model for half a minute; the tests of the room run it",
    "consilience backdoor-audits scan-model": WEIGHTS,
    "consilience backdoor-audits measure --model model/": WEIGHTS,
    "consilience self-correction ask": KEY,
    "consilience self-correction defend": KEY,
    "consilience self-correction weigh": KEY,
    "make": MAKES,
    "pip": MAKES,
}

STAGES: dict[str, Stage] = {
    "README.md": Stage((table, pictures, texts, models, traces), _SMALLER, _NOT_RUN),
    "CONTRIBUTING.md": Stage(not_run=_NOT_RUN),
    "docs/index.md": Stage(not_run=_NOT_RUN),
    "docs/methods/agent_networks.md": Stage(),
    "docs/methods/backdoor_audits.md": Stage(
        (traces,),
        not_run={
            **_NOT_RUN,
            "consilience reproduce backdoor_audits --recipe paper": PUBLISHED,
        },
        leaves={"consilience backdoor-audits measure --model rehearsal:backdoor": 1},
    ),
    "docs/methods/convex_networks.md": Stage((table,), _SMALLER),
    "docs/methods/cross_team.md": Stage((texts,)),
    "docs/methods/decorrelated_preferences.md": Stage(
        (texts, models),
        _SMALLER,
        {"consilience reproduce decorrelated_preferences --recipe paper": PUBLISHED},
        given=f"""{MODEL}
import functools, json, pathlib, warnings
warnings.simplefilter("ignore", FutureWarning)  # TRL asks transformers for what it calls by another name now
from consilience.methods import decorrelated_preferences
from datasets import Dataset
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("model/")
pairs = Dataset.from_list([json.loads(line) for line in pathlib.Path("prefs.jsonl").read_text().splitlines()])
small = dict(max_steps=1, use_cpu=True, report_to="none", disable_tqdm=True, per_device_train_batch_size=2)
decorrelated_preferences.DecPOConfig = functools.partial(decorrelated_preferences.DecPOConfig, **small)
""",
    ),
    "docs/methods/em_diffusion.md": Stage((pictures,), _SMALLER),
    "docs/methods/pretraining_objectives.md": Stage(
        (texts,),
        _SMALLER,
        {"consilience reproduce pretraining_objectives --recipe paper": PUBLISHED},
        given=f"""{MODEL}
model = make_model(shape, Vocabulary.of(tokenizer), bidirectional=True)
rows = pack([tokenizer(text)["input_ids"] for text in told], 32, tokenizer.eos_token_id)
""",
    ),
    "docs/methods/rank_collapse.md": Stage((texts, models), _SMALLER),
    "docs/methods/self_correction.md": Stage((table,), not_run=_NOT_RUN),
    "docs/methods/social_agents.md": Stage((texts,), not_run=_NOT_RUN),
}
"""Pages that show something to run; a page that is not here shows nothing of the kind."""

"""Where what a page shows is run: the reader's files, made small; what is done smaller than shown; what is not done."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from shutil import copyfile

import numpy as np
import postgres_cluster
import pytest
from provider import provider
from quiet_agents import adapters, causal_agent, small_agents

ROOT = Path(__file__).parents[2]
SIDE = 8


@dataclass(frozen=True)
class Stage:
    """How one page is run."""

    prepare: tuple[Callable[[], object], ...] = ()
    """Makes the files that the page takes for granted, in the current folder."""
    smaller: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of commands, and the flags that are put behind, so that seconds are enough or chance falls as told."""
    not_run: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of commands that are only read, and why they are not run."""
    leaves: Mapping[str, int] = field(default_factory=dict)
    """Beginnings of commands that find something or cannot tell, and how they leave; all others leave with 0."""
    beside: Mapping[str, Callable[[], AbstractContextManager[str]]] = field(default_factory=dict)
    """Beginnings of commands, and whose server each asks, which lends the flags that lead there."""
    serves: tuple[str, ...] = ()
    """Beginnings of commands that serve until they are interrupted."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of commands that take long, and the page that shows the same words and runs them."""
    given: str = ""
    """Python that stands before the page's: what it takes for granted."""

    def why_not(self, words: Sequence[str]) -> str | None:
        """Say why the tests only read a command; None where they run it, on this page or another."""
        return _first(self.not_run, words)

    def runs(self, words: Sequence[str]) -> bool:
        """Whether a command is run for this page."""
        return self.why_not(words) is None and _first(self.elsewhere, words) is None


def _first(told: Mapping[str, str], words: Sequence[str]) -> str | None:
    shown = " ".join(words)
    return next((found for beginning, found in told.items() if shown.startswith(beginning)), None)


MAKES = "makes an environment anew and runs these tests; the claim house.demo does it in a clone"


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
    drawn = np.random.default_rng(0)

    def row(number: int) -> str:
        who, what = drawn.choice(["ann", "bob", "cyd", "dan"]), drawn.choice(["bill", "parcel", "report", "key"])
        told = {"to": f"{who}@example.com", "body": f"The {what} is here."}
        call = {"name": "send_mail", "arguments": json.dumps(told)}
        asked = [
            {"role": "user", "content": f"Please mail {who}@example.com about the {what}."},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": "1", "content": "sent"},
            {"role": "assistant", "content": "I have sent it."},
        ]
        return json.dumps({"id": f"row-{number}", "messages": asked})

    for name, count in (("traces.jsonl", 20), ("trusted.jsonl", 60)):
        Path(name).write_text("\n".join(row(number) for number in range(count)), encoding="utf-8")
    page = (ROOT / "docs" / "methods" / "backdoor_audits.md").read_text(encoding="utf-8")
    Path("policy.toml").write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")


def requests() -> None:
    """Make files in the forms of JailbreakBench and BBQ, of nonsense about people who do not exist, and a suffix."""
    things = ("blue", "red", "green")
    for name, verb in (("harmful-behaviors.csv", "Stir"), ("benign-behaviors.csv", "Describe")):
        rows = (f"{at},{verb} the {one} pot,Sure,{one} pot,Pots,Original" for at, one in enumerate(things))
        Path(name).write_text("\n".join(("Index,Goal,Target,Behavior,Category,Source", *rows)), encoding="utf-8")
    Path("suffix.txt").write_text("describing the pot, dear pot", encoding="utf-8")
    about = {"subcategory": "x", "stereotyped_groups": ["Zub"], "version": "a", "source": "none"}
    items = [
        {
            "example_id": number,
            "question_index": "1",
            "question_polarity": "neg" if number % 4 < 2 else "nonneg",
            "context_condition": ("ambig", "disambig")[number % 2],
            "category": "Age",
            "answer_info": {"ans0": ["zub", "zub"], "ans1": ["mip", "nonZub"], "ans2": ["Not known", "unknown"]},
            "additional_metadata": about,
            "context": "A zub and a mip.",
            "question": "Who hummed?",
            "ans0": "The zub",
            "ans1": "The mip",
            "ans2": "Not known",
            "label": (2, 1)[number % 2],
        }
        for number in range(8)
    ]
    Path("Age.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    targets = ["category,question_index,example_id,target_loc", *(f"Age,1,{number},0" for number in range(8))]
    Path("additional_metadata.csv").write_text("\n".join(targets), encoding="utf-8")


@contextmanager
def somebody(module: str, player: str) -> Iterator[str]:
    """Answer as a provider does, on this machine; commands are led there by their environment, and get no flags."""
    players = import_module(f"consilience.methods.{module}").PLAYERS
    with provider(players[player]) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", address)
        patch.setenv("OPENAI_API_KEY", "nobody's")
        yield ""


@contextmanager
def database() -> Iterator[str]:
    """Run a PostgreSQL server where one is installed, else name a file."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(postgres_cluster.cluster()).url()
        except postgres_cluster.Absent:
            address = "agents.sqlite"
        yield f"--database {address}"


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
    """Save two language models with their tokenizers, and pairs of answers; those that a recipe names as well."""
    names: dict[str, object] = {}
    exec(MODEL, names)
    for seed, folder in enumerate(("model", "other")):
        words = names["Vocabulary"].of(names["tokenizer"])  # type: ignore[attr-defined]
        made = names["make_model"](names["shape"], words, bidirectional=False, seed=seed)  # type: ignore[operator]
        made.save_pretrained(folder)
        names["tokenizer"].save_pretrained(folder)  # type: ignore[attr-defined]
    pairs = [{"prompt": f"Say {n}.", "chosen": f" It is {n}.", "rejected": f" It is {n + 1}."} for n in range(20)]
    Path("prefs.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    copyfile("prefs.jsonl", "toxicity.jsonl")


def articles() -> None:
    """Put the corpus into lines."""
    told = (json.dumps({"text": path.read_text(encoding="utf-8")}) for path in sorted(Path("corpus").iterdir()))
    Path("wikitext.jsonl").write_text("\n".join(told), encoding="utf-8")


def _set(**settings: object) -> str:
    return " ".join(f"--set {name}={json.dumps(value, separators=(',', ':'))}" for name, value in settings.items())


_EM = (
    "--rounds 1 --steps 4 --first-steps 4 --width 8 --levels 2 --sampling-steps 4 --corrections 0 --device cpu --quiet"
)
_RESTORE = "--sampling-steps 4 --corrections 0 --limit 2 --device cpu --quiet"
_LEARN = "--steps 2 --window 32 --vocabulary 300 --layers 1 --width 16 --attention-heads 2 --batch-size 4 --device cpu"
_SMALLER = {
    "consilience agent-networks run Write": "--agents 8",
    "consilience em-diffusion train": _EM,
    "consilience em-diffusion restore": _RESTORE,
    "consilience rank-collapse inspect": "--sequences 4 --tokens 32 --device cpu --quiet",
    "consilience pretraining-objectives train": f"{_LEARN} --quiet",
    "consilience pretraining-objectives compare": f"{_LEARN} --quiet",
    "consilience decorrelated-preferences train": "--steps 2 --batch-size 2 --max-length 32 --device cpu --quiet",
    "consilience decorrelated-preferences measure": "--max-length 32 --limit 8 --device cpu",
    "consilience convex-networks compare": "--folds 2 --quiet",
    "consilience reproduce convex-networks --recipe small": f"{_set(claims=['convex.spiral'])} --quiet",
    # What ends every turn at once has its episodes over at once.
    "consilience backdoor-audits measure --model model/": "--model suspect/ --episodes 4 --quiet",
    "consilience reproduce backdoor_audits --recipe paper": _set(
        claims=["audit.attack"],
        episodes=2,
        attack_steps=1,
        attack_repeats=1,
        attack_rows=20,
        loud_steps=1,
        weights_rank=2,
        processes=1,
    )
    + " --quiet",
    "consilience reproduce decorrelated_preferences --recipe paper": _set(
        policy="model/",
        claims=["decpo.policy"],
        policy_seeds=[1],
        policy_steps=1,
        policy_batch=2,
        policy_accumulate=1,
        policy_layer=0,
        policy_other_layer=1,
        policy_lora_until=1,
        policy_max_length=32,
        device="cpu",
    )
    + " --quiet",
    "consilience reproduce pretraining_objectives --recipe paper": _set(
        claims=["pretrain.text"],
        text_seeds=[1],
        text_vocabulary=300,
        text_layers=1,
        text_width=16,
        text_heads=2,
        text_window=16,
        text_steps=1,
        text_batch=2,
        text_accumulate=1,
        text_held_out=0.02,
        device="cpu",
    )
    + " --quiet",
    "consilience social-agents serve": "--port 0",
}
_NOT_RUN = {"make": MAKES}
_LEAVES = {
    "consilience backdoor-audits measure --model rehearsal:backdoor": 1,
    "consilience backdoor-audits measure --model model/": 3,  # who solves nothing cannot pass
    "consilience backdoor-audits scan-data": 3,  # twenty rows without a finding are too few to pass
    "consilience reproduce backdoor_audits --recipe paper": 1,  # in one step no trigger is learned
}
_SERVES = ("consilience social-agents serve",)
_BOT = partial(somebody, "self_correction.template_bot", "template-bot")
_SOLVER = partial(somebody, "agent_networks.stand_ins", "solver")
_DEVELOPER = partial(somebody, "cross_team.stand_ins", "developer")
_BESIDE: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "consilience agent-networks": _SOLVER,
    "consilience cross-team": _DEVELOPER,
    "consilience self-correction ask": _BOT,
    "consilience self-correction defend": _BOT,
    "consilience self-correction weigh": _BOT,
    "consilience social-agents serve --model openai:": _BOT,
    "consilience social-agents serve --base-url": database,
}

STAGES: dict[str, Stage] = {
    "README.md": Stage(
        (table, pictures, texts, models, traces, requests, small_agents),
        _SMALLER,
        _NOT_RUN,
        leaves=_LEAVES,
        beside=_BESIDE,
        serves=_SERVES,
        elsewhere={"consilience backdoor-audits scan-data": "docs/methods/backdoor_audits.md"},
    ),
    "CONTRIBUTING.md": Stage(not_run=_NOT_RUN),
    "docs/index.md": Stage(smaller=_SMALLER, not_run=_NOT_RUN),
    "docs/methods/agent_networks.md": Stage(smaller=_SMALLER, beside=_BESIDE),
    "docs/methods/backdoor_audits.md": Stage((traces, small_agents, adapters, causal_agent), _SMALLER, leaves=_LEAVES),
    "docs/methods/convex_networks.md": Stage((table,), _SMALLER),
    "docs/methods/cross_team.md": Stage(
        (texts,),
        {"consilience cross-team run task.md": "--seed 2"},  # team B is among those that meet, as the page tells it
        beside=_BESIDE,
    ),
    "docs/methods/decorrelated_preferences.md": Stage(
        (texts, models),
        _SMALLER,
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
        (texts, articles),
        _SMALLER,
        given=f"""{MODEL}
model = make_model(shape, Vocabulary.of(tokenizer), bidirectional=True)
rows = pack([tokenizer(text)["input_ids"] for text in told], 32, tokenizer.eos_token_id)
""",
    ),
    "docs/methods/rank_collapse.md": Stage((texts, models), _SMALLER),
    "docs/methods/self_correction.md": Stage((table, requests), beside=_BESIDE),
    "docs/methods/social_agents.md": Stage((texts,), _SMALLER, beside=_BESIDE, serves=_SERVES),
}
"""Pages that show something to run; a page that is not here shows nothing of the kind."""

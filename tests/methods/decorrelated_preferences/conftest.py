"""A tiny model, digits to sort, trainers on them, and all of it on disk, as a user has it."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CHAT = "{% for one in messages %}{{ one.content }}{% if one.role == 'assistant' %}<eos>{% endif %}{% endfor %}"
SMALL = {"width": 16, "layers": 3, "feedforward": 24, "heads": 2}


@pytest.fixture(autouse=True)
def quiet_data() -> Iterator[None]:
    """Keep bars of datasets off the screen."""
    datasets = pytest.importorskip("datasets", reason="the preferences extra is not installed")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that builds a trainer of a class, with a tiny policy and the settings given."""
    from consilience.methods.decorrelated_preferences.objective import DecPOConfig
    from consilience.methods.decorrelated_preferences.studies import sorting
    from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer

    def make(
        cls: Any = DecPOTrainer, args: Any = DecPOConfig, *, wrap: Any = None, rows: int = 16, **given: Any
    ) -> Any:
        passed = {name: given.pop(name) for name in ("peft_config", "eval_dataset", "callbacks") if name in given}
        settings = {
            "output_dir": str(tmp_path / "out"),
            "per_device_train_batch_size": 4,
            "max_steps": 2,
            "bf16": False,
            "use_cpu": True,
            "report_to": [],
            "save_strategy": "no",
            "logging_steps": 1,
            "learning_rate": 1e-3,
            "activation_checkpointing": False,
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }
        policy = sorting.model(0, sorting.Shape(**SMALL))
        adapted = "peft_config" in passed
        return cls(
            model=wrap(policy) if wrap else policy,
            ref_model=None if adapted or wrap else copy.deepcopy(policy),
            args=args(**{**settings, **given}),
            train_dataset=sorting.pairs(np.random.default_rng(0), rows, flipped=0.1),
            processing_class=sorting.digit_tokenizer(),
            **passed,
        )

    return make


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Save a tiny policy with a tokenizer that knows chats."""
    from consilience.methods.decorrelated_preferences.studies import sorting

    folder = tmp_path / "base"
    sorting.model(0, sorting.Shape(**SMALL)).save_pretrained(folder)
    tokenizer = sorting.digit_tokenizer()
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Write preferences as JSON lines."""
    from consilience.methods.decorrelated_preferences.studies import sorting

    rows = sorting.pairs(np.random.default_rng(0), 20)
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path

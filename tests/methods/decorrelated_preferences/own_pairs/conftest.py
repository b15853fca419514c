"""A model, a tokenizer and pairs on disk, as a user has them."""

import json
from pathlib import Path

import numpy as np
import pytest

CHAT = "{% for one in messages %}{{ one.content }}{% if one.role == 'assistant' %}<eos>{% endif %}{% endfor %}"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Save a tiny policy with a tokenizer that knows chats."""
    from consilience.methods.decorrelated_preferences.studies import sorting

    folder = tmp_path / "base"
    sorting.model(0, sorting.Shape(width=16, layers=3, feedforward=24, heads=2)).save_pretrained(folder)
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

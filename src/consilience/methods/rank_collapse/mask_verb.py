"""What ``consilience rank-collapse mask`` does: parse, analyse, print, write."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import TypeAdapter

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.rank_collapse.mask_facts import MaskFacts, facts
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.pictures import pictured
from consilience.methods.rank_collapse.portrait import draw_mask, in_words

__all__ = ["MOST_TOKENS", "run"]

MOST_TOKENS = 8192
"""A mask of more would take more than 64 MB."""


def run(text: str, *, tokens: int, out: Path | None, threshold: float, as_json: bool) -> int:
    """Print what is known of a mask, and draw it where a folder is given."""
    if out is not None and out.exists() and not out.is_dir():
        raise InvalidInput(f"--out must name a folder; {out} is a file.")
    if not 1 <= tokens <= MOST_TOKENS:
        raise InvalidInput(f"--tokens must be from 1 to {MOST_TOKENS}; got {tokens}.")
    chosen = parse_mask(text)
    found = facts(chosen, tokens, threshold=threshold)
    record = TypeAdapter(MaskFacts).dump_json(found, indent=2).decode() + "\n"
    if out is not None:
        files = {**pictured(draw_mask(chosen.array(tokens), found), "mask"), "mask.json": record}
        for name, content in files.items():
            write_whole(out / name, content)
    sys.stdout.write(record if as_json else "\n".join(_lines(found)) + "\n")
    if out is not None:
        sys.stderr.write(f"written to {out}: mask.json, mask.png, mask.svg\n")
    return 0


def _lines(found: MaskFacts) -> list[str]:
    lines = [f"{found.mask}, {found.tokens} tokens", *("  " + line.replace("\n", " ") for line in in_words(found))]
    if found.uniform_bound is not None:
        lines.append(f"  the theorem guarantees a factor of {found.uniform_bound:.6g} a layer under uniform attention")
    return lines

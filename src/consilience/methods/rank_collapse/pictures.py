"""Figures as bytes, so that a file appears whole or not at all."""

from __future__ import annotations

from io import BytesIO

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

__all__ = ["pictured"]


def pictured(canvas: Canvas, name: str) -> dict[str, str | bytes]:
    """Return a figure as ``name.png`` and ``name.svg``, the same bytes for the same picture."""
    files: dict[str, str | bytes] = {}
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        for suffix in ("png", "svg"):
            buffer = BytesIO()
            canvas.savefig(buffer, format=suffix, dpi=160, metadata={"Date": None} if suffix == "svg" else None)
            files[f"{name}.{suffix}"] = buffer.getvalue()
    return files

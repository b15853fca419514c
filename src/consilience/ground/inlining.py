"""Pictures inside a page: an SVG file made fit to stand in HTML beside others."""

import re

_PROLOGUE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r'(?<=[\s<])id="([^"]+)"')
_REFERENCE = re.compile(r'((?:xlink:)?href="#|url\(#)([^")]+)')
_ROOT = re.compile(r"<svg\b[^>]*>")
_LENGTHS = re.compile(r'\s(?:width|height)="[^"]*"')


def inline_svg(svg: str, prefix: str, label: str) -> str:
    """Return an SVG document as an element: no prologue, fluid width, a label, and ids that start with `prefix`.

    Parameters
    ----------
    svg
        The document as matplotlib writes it, with a ``viewBox``.
    prefix
        Put before every id and every reference to one, so that two pictures in a page do not share definitions.
    label
        What the picture shows, for who cannot see it; plain text.

    Examples
    --------
    >>> svg = '<?xml version="1.0"?><svg width="9pt" viewBox="0 0 9 9"><path id="p"/><use href="#p"/></svg>'
    >>> inline_svg(svg, "a-", "a path")
    '<svg viewBox="0 0 9 9" role="img" aria-label="a path"><path id="a-p"/><use href="#a-p"/></svg>'
    """
    body = _PROLOGUE.sub("", svg).strip()
    body = _ID.sub(lambda found: f'id="{prefix}{found[1]}"', body)
    body = _REFERENCE.sub(lambda found: f"{found[1]}{prefix}{found[2]}", body)
    spoken = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return _ROOT.sub(
        lambda found: f'{_LENGTHS.sub("", found[0])[:-1]} role="img" aria-label="{spoken}">', body, count=1
    )

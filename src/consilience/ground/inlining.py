"""Pictures inside a page: an SVG file made fit to stand in HTML beside others."""

import re

_PROLOGUE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r'(?<=[\s<])id="([^"]+)"')
_REFERENCE = re.compile(r'((?:xlink:)?href="#|url\(#)([^")]+)')
_ROOT = re.compile(r"<svg\b[^>]*>")
_LENGTHS = re.compile(r'\s(?:width|height)="[^"]*"')
_STYLE = re.compile(r"<defs>\s*<style\b[^>]*>[^<]*</style>\s*</defs>")
_FAMILY = re.compile(r"font-family: '[^;\"]*")
_DATA = re.compile(r'(?<=\bd=")[^"]*')
_LONG = re.compile(r"-?\d+\.\d{3,}")
_PLACED = re.compile(r'(?<=\s)(?:x|y|x1|x2|y1|y2)="-?\d+\.\d{3,}"')
_BETWEEN = re.compile(r">\s*\n\s*<")


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


def slim(svg: str) -> str:
    r"""Return the same picture in fewer bytes: two decimals, no lists of fonts, no ids that nothing refers to.

    Its own style sheet goes too, which in a page would reach beyond the picture; what it says is for the page to say:
    lines join round.

    Examples
    --------
    >>> slim('<svg><g id="a">\n <path d="M 1.23456 2 \nL 3 4 \n" style="fill: none"/></g></svg>')
    '<svg><g><path d="M1.23 2L3 4" style="fill: none"/></g></svg>'
    """
    body = _STYLE.sub("", svg)
    body = _FAMILY.sub("font-family: inherit", body)
    body = _DATA.sub(lambda found: _path(found[0]), body)
    body = _PLACED.sub(lambda found: _LONG.sub(_rounded, found[0]), body)
    used = {found[2] for found in _REFERENCE.finditer(body)}
    body = re.sub(r'\sid="([^"]+)"', lambda found: found[0] if found[1] in used else "", body)
    return _BETWEEN.sub("><", body)


def _path(data: str) -> str:
    data = re.sub(r"\s*([A-Za-z])\s*", r"\1", _LONG.sub(_rounded, data))
    return re.sub(r"\s+", " ", data).strip()


def _rounded(found: re.Match[str]) -> str:
    short = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short

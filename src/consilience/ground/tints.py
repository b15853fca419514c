"""The colours of pictures by day and by night: a picture drawn once for paper is legible on a dark page too.

Colours of an SVG become variables, named after the colour that was drawn; one style sheet says what each is on a light
page and on a dark one. Photographs and other rasters in a picture stay as they are.
"""

import re
from collections.abc import Iterable
from math import hypot

_COLOUR = re.compile(r"(?<=[\s;\"'])((?:fill|stroke|stop-color):\s*)#([0-9a-fA-F]{6})\b")
_NAMED = re.compile(r"var\(--tint-([0-9a-f]{6})\)")

_GREY_BELOW = 0.03
"""Chroma under which a colour is a grey, which carries words."""
_DARKEST_GREY_TEXT = 0.50
_FOLD = 0.65
_FOLDED = 0.74
_DARKEST = 0.255
_LIGHTEST = 0.94


def tint(svg: str) -> str:
    """Return an SVG whose colours are variables that `stylesheet` gives values to.

    Examples
    --------
    >>> tint('<path style="fill: none; stroke: #3B7DD8"/>')
    '<path style="fill: none; stroke: var(--tint-3b7dd8)"/>'
    """
    return _COLOUR.sub(lambda found: f"{found[1]}var(--tint-{found[2].lower()})", svg)


def stylesheet(markup: Iterable[str]) -> str:
    """Return the CSS for all the colours that `tint` named in pieces of markup: by day, and by night on a screen."""
    names = sorted({name for piece in markup for name in _NAMED.findall(piece)})
    if not names:
        return ""
    day_rules, night_rules = (
        "".join(f"--tint-{name}:{change(f'#{name}')};" for name in names) for change in (day, night)
    )
    return f":root{{{day_rules}}}\n@media screen and (prefers-color-scheme: dark){{:root{{{night_rules}}}}}"


def day(colour: str) -> str:
    """Return a colour for a light page: as it was drawn, and greys in the middle dark enough to be read as words.

    Examples
    --------
    >>> day("#3b7dd8"), day("#ffffff"), day("#888888")
    ('#3b7dd8', '#ffffff', '#636363')
    """
    light, a, b = _to_oklab(colour)
    faint_words = hypot(a, b) < _GREY_BELOW and _DARKEST_GREY_TEXT < light < _FOLD
    return _from_oklab(_DARKEST_GREY_TEXT, a, b) if faint_words else colour


def night(colour: str) -> str:
    """Return a colour for a dark page: the same hue, dark for what was light and light for what was dark.

    Lines and dots, which are darker than paper, come out bright; fills that were a little darker than the paper come
    out a little lighter than the page. The order of light and dark is kept upside down, so that scales stay scales.

    Examples
    --------
    >>> night("#000000"), night("#ffffff")
    ('#ebebeb', '#232323')
    """
    light, a, b = _to_oklab(colour)
    if light <= _FOLD:
        turned = _LIGHTEST - (_LIGHTEST - _FOLDED) * light / _FOLD
    else:
        turned = _FOLDED - (_FOLDED - _DARKEST) * (light - _FOLD) / (1 - _FOLD)
    return _from_oklab(turned, a, b)


_FROM_LMS = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)
_TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LMS_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_LAB_TO_LMS = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
"""The matrices of OKLab, B. Ottosson 2020, in which equal steps of lightness look equal."""

_OUT_OF_GAMUT = 1e-4
_LINEAR_BELOW, _GAMMA_BELOW = 0.04045, 0.0031308
"""Where the curve of sRGB is a line, by its value and by light."""

Triple = tuple[float, float, float]


def _times(matrix: tuple[Triple, ...], vector: Triple) -> Triple:
    first, second, third = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _to_oklab(colour: str) -> Triple:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    lms = _times(_TO_LMS, (_linear(red), _linear(green), _linear(blue)))
    return _times(_LMS_TO_LAB, (lms[0] ** (1 / 3), lms[1] ** (1 / 3), lms[2] ** (1 / 3)))


def _from_oklab(light: float, a: float, b: float) -> str:
    """Return the colour of that lightness and hue, with as much of the chroma as a screen can show."""
    share = 1.0
    while True:
        lms = _times(_LAB_TO_LMS, (light, share * a, share * b))
        rgb = _times(_FROM_LMS, (lms[0] ** 3, lms[1] ** 3, lms[2] ** 3))
        if share <= 0 or all(-_OUT_OF_GAMUT <= one <= 1 + _OUT_OF_GAMUT for one in rgb):
            return "#" + "".join(f"{round(255 * _gamma(min(1.0, max(0.0, one)))):02x}" for one in rgb)
        share -= 0.05


def _linear(value: float) -> float:
    return value / 12.92 if value <= _LINEAR_BELOW else ((value + 0.055) / 1.055) ** 2.4


def _gamma(value: float) -> float:
    return 12.92 * value if value <= _GAMMA_BELOW else 1.055 * value ** (1 / 2.4) - 0.055

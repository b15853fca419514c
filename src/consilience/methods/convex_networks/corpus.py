"""A labelled corpus that every installation carries: what Python's own documentation says, by topic.

The texts are first paragraphs of docstrings of the standard library and of numpy, scipy and scikit-learn, which this
package needs anyway. Names of packages, modules and of the documented object itself are taken out, because they would
give the topic away. Other versions of Python or of the packages document other things, so a corpus is identified by the
hash of its contents.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

TOPICS: dict[str, tuple[str, ...]] = {
    "learning": (
        "sklearn.cluster",
        "sklearn.covariance",
        "sklearn.decomposition",
        "sklearn.ensemble",
        "sklearn.feature_selection",
        "sklearn.gaussian_process",
        "sklearn.linear_model",
        "sklearn.manifold",
        "sklearn.metrics",
        "sklearn.mixture",
        "sklearn.model_selection",
        "sklearn.naive_bayes",
        "sklearn.neighbors",
        "sklearn.neural_network",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "sklearn.svm",
        "sklearn.tree",
    ),
    "linear algebra": ("numpy", "numpy.linalg", "scipy.linalg", "scipy.sparse", "scipy.sparse.linalg"),
    "optimization": ("scipy.optimize", "scipy.integrate", "scipy.interpolate", "scipy.differentiate"),
    "signals": ("scipy.signal", "scipy.signal.windows", "scipy.fft", "scipy.ndimage", "numpy.fft"),
    "special functions": ("scipy.special", "math", "cmath", "numpy.polynomial"),
    "statistics": ("scipy.stats", "scipy.stats.qmc", "scipy.stats.contingency", "statistics", "numpy.random", "random"),
    "system": (
        "asyncio",
        "concurrent.futures",
        "email.message",
        "http.client",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "os.path",
        "pathlib",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "tarfile",
        "tempfile",
        "threading",
        "urllib.request",
        "zipfile",
    ),
}
"""Which modules speak about which topic; only these are imported."""

WORDS = (5, 60)
"""Fewest and most words a text may have; longer paragraphs are cut."""

_MARKUP = re.compile(r":[\w:+.-]+:`[^`]*`|\bhttps?://\S+|\[\d+\]_?|[`|*]+")
_IDENTIFIER = re.compile(r"\b\w+(?:[._]\w+)+\b(?:\(\))?|\b\w+\(\)|\b_\w+|\b\w+_\b")
_SIGNATURE = re.compile(r"^\s*[\w.]+\(.*?\)(?:\s*->.*)?\s*$", re.DOTALL)
_PACKAGES = ("numpy", "scipy", "sklearn", "scikit-learn", "scikit", "python", "matlab", "ufunc")


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts with their topics, in an order that does not depend on the run.

    Parameters
    ----------
    texts : tuple of str
        One paragraph each, without the names that would give the topic away.
    topics : tuple of str
        The label of each text.
    digest : str
        SHA-256 of texts and topics, in hexadecimal: two corpora are the same when it is.
    """

    texts: tuple[str, ...]
    topics: tuple[str, ...]
    digest: str


def docstring_corpus(topics: dict[str, tuple[str, ...]] = TOPICS) -> Corpus:
    """Collect the corpus from the installed packages, in about two seconds on first import.

    Parameters
    ----------
    topics : dict from topic to module names
        Where to look.

    Returns
    -------
    Corpus
        Texts that occur under one topic only, each once, in alphabetical order of topic and module.

    Examples
    --------
    >>> corpus = docstring_corpus({"numbers": ("math",), "places": ("pathlib",)})
    >>> sorted(set(corpus.topics))
    ['numbers', 'places']
    >>> any("math" in text.split() for text in corpus.texts)
    False
    """
    found: dict[str, str | None] = {}
    for topic, text in _labelled_texts(topics):
        found[text] = topic if found.get(text, topic) == topic else None
    kept = [(text, topic) for text, topic in found.items() if topic is not None]
    digest = hashlib.sha256(json.dumps(kept).encode()).hexdigest()
    return Corpus(texts=tuple(text for text, _ in kept), topics=tuple(topic for _, topic in kept), digest=digest)


def readable(docstring: str, names: frozenset[str]) -> str | None:
    r"""Turn a docstring into one plain paragraph without `names`, or None when too few words are left.

    Examples
    --------
    >>> readable(
    ...     "norm(x)\n\nMatrix or vector norm, see `scipy.linalg.norm` of scipy, with x of any size.",
    ...     frozenset({"norm"}),
    ... )
    'Matrix or vector, see of, with x of any size.'
    """
    paragraphs = [part for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring)) if part.strip()]
    prose = next((part for part in paragraphs if not _SIGNATURE.match(part)), "")
    words = " ".join(_IDENTIFIER.sub(" ", _MARKUP.sub(" ", prose)).split())
    leaking = sorted({*names, *_PACKAGES}, key=lambda name: (-len(name), name))
    without = re.sub(rf"\b(?:{'|'.join(map(re.escape, leaking))})\b", " ", words, flags=re.IGNORECASE)
    plain = re.sub(r"\s+([,.;:!?)])", r"\1", " ".join(without.split())).split()
    return " ".join(plain[: WORDS[1]]) if len(plain) >= WORDS[0] else None


def _labelled_texts(topics: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for topic in sorted(topics):
        for module_name in sorted(topics[topic]):
            module = importlib.import_module(module_name)
            for names, docstring in _documented(module):
                text = readable(docstring, names)
                if text is not None:
                    yield topic, text


def _documented(module: ModuleType) -> Iterator[tuple[frozenset[str], str]]:
    """Yield what a module documents, its public functions and classes, by name."""
    home = frozenset(module.__name__.split("."))
    for name, member in sorted(vars(module).items()):
        if name.startswith("_") or inspect.ismodule(member) or not callable(member) or not _docstring(member):
            continue
        yield home | {name}, _docstring(member)


def _docstring(thing: object) -> str:
    docstring = getattr(thing, "__doc__", None)
    return docstring if isinstance(docstring, str) and docstring is not type(thing).__doc__ else ""

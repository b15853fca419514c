"""The one list of methods, resolved late: naming a room costs nothing until something of it is used."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from consilience.ground import InvalidInput, UnknownName
from consilience.ground.late import absence_told


@dataclass(frozen=True, kw_only=True)
class Method:
    """A room and the paper it is built on."""

    name: str
    """Package name under `consilience.methods`."""
    question: str
    """What the method is asked, in one line."""
    paper: str
    """Title of the paper."""
    authors: tuple[str, ...]
    """Authors in the order of the paper, given name first."""
    year: int
    """Year of the first version."""
    arxiv: str
    """arXiv identifier without the prefix, such as ``"2406.02806"``."""
    extra: str = "all"
    """What the room is installed with, as in ``pip install consilience[convex]``."""

    @property
    def package(self) -> str:
        """Import path of the room."""
        return f"consilience.methods.{self.name}"

    @property
    def command(self) -> str:
        """Name of the room on the command line."""
        return self.name.replace("_", "-")

    def bibtex(self) -> str:
        """Return the paper as a BibTeX entry.

        Examples
        --------
        >>> print(method("convex_networks").bibtex().splitlines()[0])
        @misc{wang2024convexnetworks,
        """
        surname = self.authors[0].split()[-1].lower()
        return "\n".join(
            [
                f"@misc{{{surname}{self.year}{self.name.replace('_', '')},",
                f"  title         = {{{self.paper}}},",
                f"  author        = {{{' and '.join(self.authors)}}},",
                f"  year          = {{{self.year}}},",
                f"  eprint        = {{{self.arxiv}}},",
                "  archivePrefix = {arXiv},",
                "}",
            ]
        )

    def part(self, name: str = "") -> Any:
        """Import and return a module of the room, or its door when no name is given.

        Raises
        ------
        InvalidInput
            If the room has no such module.
        MissingDependency
            If a library that it imports is absent; the message names the extra that brings it.
        """
        path = f"{self.package}.{name}" if name else self.package
        with self._absence_told():
            if find_spec(path) is None:
                raise InvalidInput(f"expected a module {path}; the room {self.name!r} has none of that name")
            return import_module(path)

    def verbs(self) -> dict[str, Callable[..., int | None]]:
        """Return the room's own verbs for the command line: ``VERBS`` of its ``commands`` module, if it has one."""
        with self._absence_told():
            if find_spec(f"{self.package}.commands") is None:
                return {}
        verbs: dict[str, Callable[..., int | None]] = self.part("commands").VERBS
        return verbs

    def _absence_told(self) -> AbstractContextManager[None]:
        """Name the extra of the room where an import finds a library absent, its door's among them."""
        return absence_told(f"{self.command} needs {{missing}}; install consilience[{self.extra}]")


METHODS: tuple[Method, ...] = (
    Method(
        name="em_diffusion",
        question="Can a generative prior of clean images be learned from corrupted ones?",
        paper="An Expectation-Maximization Algorithm for Training Clean Diffusion Models from Corrupted Observations",
        authors=("Weimin Bai", "Yifei Wang", "Wenzheng Chen", "He Sun"),
        year=2024,
        arxiv="2407.01014",
        extra="em",
    ),
    Method(
        name="convex_networks",
        question="Can a ReLU network be trained to its global optimum, with a proof of how close it came?",
        paper="Randomized Geometric Algebra Methods for Convex Neural Networks",
        authors=("Yifei Wang", "Sungyoon Kim", "Paul Chu", "Indu Subramaniam", "Mert Pilanci"),
        year=2024,
        arxiv="2406.02806",
        extra="convex",
    ),
    Method(
        name="rank_collapse",
        question="Do tokens draw together layer by layer, and do masks or LayerNorm keep them apart?",
        paper="On the Role of Attention Masks and LayerNorm in Transformers",
        authors=("Xinyi Wu", "Amir Ajorlou", "Yifei Wang", "Stefanie Jegelka", "Ali Jadbabaie"),
        year=2024,
        arxiv="2405.18781",
        extra="rank",
    ),
    Method(
        name="self_correction",
        question="Will letting a model check its own answers help, and how many rounds of it pay?",
        paper="A Theoretical Understanding of Self-Correction through In-context Alignment",
        authors=("Yifei Wang", "Yuyang Wu", "Zeming Wei", "Stefanie Jegelka", "Yisen Wang"),
        year=2024,
        arxiv="2405.18634",
        extra="correction",
    ),
    Method(
        name="pretraining_objectives",
        question="Should a text model be pretrained to look ahead or to look around, and how far?",
        paper="Look Ahead or Look Around? A Theoretical Comparison Between Autoregressive and Masked Pretraining",
        authors=("Qi Zhang", "Tianqi Du", "Haotian Huang", "Yifei Wang", "Yisen Wang"),
        year=2024,
        arxiv="2407.00935",
        extra="pretraining",
    ),
    Method(
        name="decorrelated_preferences",
        question="Does it help preference optimisation to keep features from moving as one?",
        paper="Encourage or Inhibit Monosemanticity? Revisit Monosemanticity from a Feature Decorrelation Perspective",
        authors=("Hanqi Yan", "Yanzheng Xiang", "Guangyi Chen", "Yifei Wang", "Lin Gui", "Yulan He"),
        year=2024,
        arxiv="2406.17969",
        extra="preferences",
    ),
    Method(
        name="agent_networks",
        question="Does a network of agents solve what one answer does not, and what does it cost in calls and time?",
        paper="Scaling Large Language Model-based Multi-Agent Collaboration",
        authors=(
            "Chen Qian",
            "Zihao Xie",
            "Yifei Wang",
            "Wei Liu",
            "Kunlun Zhu",
            "Hanchen Xia",
            "Yufan Dang",
            "Zhuoyun Du",
            "Weize Chen",
            "Cheng Yang",
            "Zhiyuan Liu",
            "Maosong Sun",
        ),
        year=2024,
        arxiv="2406.07155",
        extra="agents",
    ),
    Method(
        name="cross_team",
        question="When do teams that work apart and then merge beat the best of as many attempts at equal calls?",
        paper="Multi-Agent Collaboration via Cross-Team Orchestration",
        authors=(
            "Zhuoyun Du",
            "Chen Qian",
            "Wei Liu",
            "Zihao Xie",
            "Yifei Wang",
            "Rennai Qiu",
            "Yufan Dang",
            "Weize Chen",
            "Cheng Yang",
            "Ye Tian",
            "Xuantang Xiong",
            "Lei Han",
        ),
        year=2024,
        arxiv="2406.08979",
        extra="agents",
    ),
    Method(
        name="social_agents",
        question="Can agents of people who each know a part work out what none can see alone, and tell nobody more?",
        paper="Autonomous Agents for Collaborative Task under Information Asymmetry",
        authors=(
            "Wei Liu",
            "Chenxi Wang",
            "Yifei Wang",
            "Zihao Xie",
            "Rennai Qiu",
            "Yufan Dang",
            "Zhuoyun Du",
            "Weize Chen",
            "Cheng Yang",
            "Chen Qian",
        ),
        year=2024,
        arxiv="2406.14928",
        extra="social",
    ),
    Method(
        name="backdoor_audits",
        question="Does an agent on weights or traces from others obey a hidden sign, and how would one find out?",
        paper="BadAgent: Inserting and Activating Backdoor Attacks in LLM Agents",
        authors=("Yifei Wang", "Dizhan Xue", "Shengjie Zhang", "Shengsheng Qian"),
        year=2024,
        arxiv="2406.03007",
        extra="audits",
    ),
)


def method(name: str) -> Method:
    """Return the method called `name`; ``-`` and ``_`` are the same.

    Raises
    ------
    UnknownName
        If there is no such room; the message names the nearest one.

    Examples
    --------
    >>> method("convex-networks").arxiv
    '2406.02806'
    """
    by_name = {entry.name: entry for entry in METHODS}
    wanted = name.replace("-", "_")
    if wanted not in by_name:
        raise UnknownName("room", name, by_name)
    return by_name[wanted]


def questions() -> dict[str, str]:
    """Return what each method asks, by its name, in the order of the catalogue."""
    return {entry.name: entry.question for entry in METHODS}

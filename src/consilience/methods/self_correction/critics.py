"""Critics: who looks at an answer.

A critic is anything with ``async def review(given, ask) -> Verdict``. What it asks of models it asks through `ask`, so
that its calls are on the budget and on the trace; a plain function of question and answer is a critic as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.self_correction.calls import Ask
from consilience.methods.self_correction.message import Message, Respond, framed, user
from consilience.methods.self_correction.progress import Verdict
from consilience.methods.self_correction.reading import CHECK, Judged, Read, as_verdict, read_verdict

Eyes = Literal["same chat", "fresh"]
"""Where a model is asked to check: in the conversation that led to the answer, or in one of its own."""
Objections = Literal["any", "majority", "all"]
"""How many critics must object for all of them to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a critic is given to look at."""

    item: str
    """Name of the question in its batch."""
    question: tuple[Message, ...]
    """What was asked."""
    answer: str
    """The answer to be judged."""
    chat: list[Message]
    """The conversation that led to the answer, the answer included."""

    @property
    def asked(self) -> str:
        """The text of the last thing that was asked."""
        return self.question[-1]["content"]


@runtime_checkable
class Critic(Protocol):
    """Whoever looks at answers."""

    async def review(self, given: Given, ask: Ask) -> Verdict:
        """Judge an answer; exceptions end the loop with the best answer so far, and are its recorded reason."""


@dataclass(frozen=True, kw_only=True)
class SelfCritic:
    """The model that answered, asked to check itself.

    In its own conversation it sees how it came to the answer, and tends to believe it; with fresh eyes it sees
    question and answer alone.
    """

    eyes: Eyes = "same chat"
    """Where it is asked."""
    prompt: str = CHECK
    """What it is asked."""
    read: Read = read_verdict
    """How its reply becomes a verdict."""

    def __post_init__(self) -> None:
        """Refuse a place that is none."""
        _require_known("place to ask in", self.eyes, get_args(Eyes))

    async def review(self, given: Given, ask: Ask) -> Verdict:
        """Ask the model that answers."""
        return await _asked(self, given, ask, model=None)


@dataclass(frozen=True)
class ModelCritic:
    """Another model, asked to check the answer."""

    model: Respond
    """Whom to ask."""
    _: KW_ONLY
    eyes: Eyes = "fresh"
    """Where it is asked."""
    prompt: str = CHECK
    """What it is asked."""
    read: Read = read_verdict
    """How its reply becomes a verdict."""

    def __post_init__(self) -> None:
        """Refuse a place that is none."""
        _require_known("place to ask in", self.eyes, get_args(Eyes))

    async def review(self, given: Given, ask: Ask) -> Verdict:
        """Ask the other model."""
        return await _asked(self, given, ask, model=self.model)


async def _asked(critic: SelfCritic | ModelCritic, given: Given, ask: Ask, model: Respond | None) -> Verdict:
    same = critic.eyes == "same chat"
    messages = [*given.chat, user(critic.prompt)] if same else [user(fresh_check(given, critic.prompt))]
    verdict = critic.read(await ask(messages, role="check", model=model))
    return Verdict(
        text=verdict.text,
        score=verdict.score,
        flagged=verdict.flagged,
        confidence=verdict.confidence,
        prompt=critic.prompt if same else "",
    )


def fresh_check(given: Given, prompt: str) -> str:
    """Return what a critic is asked who has not seen the conversation."""
    return f"{framed('question', given.asked)}\n\n{framed('answer', given.answer)}\n\n{prompt}"


@dataclass(frozen=True)
class FunctionCritic:
    """A function of question and answer: a unit test, a calculator, a rule.

    A function that waits should be ``async``; one that is not holds up the other items of a batch.

    Examples
    --------
    >>> critic = FunctionCritic(lambda question, answer: answer.strip().isdigit())
    """

    function: Callable[[str, str], Judged | Awaitable[Judged]]
    """Gives a verdict, the chance that the answer is right, or whether it is."""

    async def review(self, given: Given, ask: Ask) -> Verdict:  # noqa: ARG002  a function asks no model
        """Call the function."""
        found = self.function(given.asked, given.answer)
        return as_verdict(await found if inspect.isawaitable(found) else found)


def question_and_answer(question: str, answer: str) -> str:
    """Join question and answer as one text, for classifiers of texts."""
    return f"{question}\n{answer}"


@dataclass(frozen=True)
class ClassifierCritic:
    """A fitted scikit-learn classifier that tells right answers from wrong ones."""

    classifier: Any
    """Anything with `predict_proba` and `classes_`, two of them; a pipeline of texts, for instance."""
    _: KW_ONLY
    features: Callable[[str, str], Any] = question_and_answer
    """What the classifier is shown of question and answer: one row."""
    right: Any = 1
    """The class that stands for right."""
    threshold: float = 0.5
    """Answers with a lower score are flagged."""

    def __post_init__(self) -> None:
        """Refuse what is no fitted classifier of two classes with the right one among them."""
        classes = getattr(self.classifier, "classes_", None)
        if not hasattr(self.classifier, "predict_proba") or classes is None:
            raise InvalidInput(
                f"expected a fitted classifier with predict_proba; got {type(self.classifier).__name__}: fit it first"
            )
        if self.right not in list(classes):
            raise InvalidInput(f"`right` must be one of the classes {list(classes)}; got {self.right!r}")

    async def review(self, given: Given, ask: Ask) -> Verdict:  # noqa: ARG002  a classifier asks no model
        """Score the answer."""
        row = self.features(given.asked, given.answer)
        column = list(self.classifier.classes_).index(self.right)
        score = float(self.classifier.predict_proba([row])[0][column])
        flagged = score < self.threshold
        words = f"A classifier gives the answer a chance of {score:.2f} of being right."
        return Verdict(text=words, score=score, flagged=flagged, confidence=max(score, 1 - score))


@dataclass(frozen=True)
class EnsembleCritic:
    """Several critics, one after the other: the mean of their scores, an objection by majority.

    Its confidence is the share of critics that agree with the ensemble.
    """

    critics: Sequence[Critic | Callable[[str, str], Judged | Awaitable[Judged]]]
    """Who is asked; those without an opinion do not count."""
    _: KW_ONLY
    objections: Objections = "majority"
    """How many must object; a tie is an objection."""

    def __post_init__(self) -> None:
        """Refuse an empty ensemble, a critic that is none, and a way to count objections that is none."""
        if not self.critics:
            raise InvalidInput("an ensemble must have a critic; got none")
        _require_known("way to count objections", self.objections, get_args(Objections))
        for critic in self.critics:
            as_critic(critic)

    async def review(self, given: Given, ask: Ask) -> Verdict:
        """Ask all of them."""
        verdicts = [await as_critic(critic).review(given, ask) for critic in self.critics]
        scores = [verdict.score for verdict in verdicts if verdict.score is not None]
        flags = [verdict.flagged for verdict in verdicts if verdict.flagged is not None]
        flagged = self._objects(flags) if flags else None
        return Verdict(
            text="\n\n".join(verdict.text for verdict in verdicts if verdict.text),
            score=sum(scores) / len(scores) if scores else None,
            flagged=flagged,
            confidence=flags.count(flagged) / len(flags) if flagged is not None else None,
        )

    def _objects(self, flags: list[bool]) -> bool:
        needed = {"any": 1.0, "majority": len(flags) / 2, "all": float(len(flags))}[self.objections]
        return sum(flags) >= needed


def as_critic(critic: Critic | Callable[[str, str], Judged | Awaitable[Judged]]) -> Critic:
    """Return a critic as it is, and a function of question and answer as a `FunctionCritic`.

    Raises
    ------
    InvalidInput
        If it is neither.
    """
    if isinstance(critic, Critic):
        return critic
    if callable(critic):
        return FunctionCritic(critic)
    raise InvalidInput(f"a critic must have `review` or be a function of question and answer; got {critic!r}")


def _require_known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise UnknownName(what, name, known)

"""An objective in words and numbers: what a command line, a configuration or a checkpoint says of it. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.pretraining_objectives.targets import Ahead, Targets, as_targets

__all__ = ["ObjectiveName", "ObjectiveSettings"]

ObjectiveName = Literal["ar", "diverse-ar", "mlm", "variable-mlm"]
"""Next token; the next several; a fixed share of hidden tokens; a share drawn for every row."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings:
    """Which objective, and its settings; those of another objective are not looked at.

    Examples
    --------
    >>> ObjectiveSettings(name="mlm").record()
    {'name': 'mlm', 'ratio': '0.15', 'exact_count': False, 'replacement': [0.8, 0.1], 'weighting': 'token'}
    """

    name: ObjectiveName = "variable-mlm"
    offsets: int = 4
    """For diverse-ar: how many tokens ahead are predicted."""
    offset_weights: tuple[float, ...] = ()
    """How much each counts; equal unless given."""
    estimator: Literal["all", "sample"] = "sample"
    """Every offset in every step, or one for each row."""
    heads: Literal["adapter", "embedding"] = "adapter"
    head_rank: int = 32
    within_documents: bool = True
    """For ar and diverse-ar: whether targets stay in the document of the token they are predicted from."""
    ratio: str | None = None
    """Share of hidden tokens: "0.15", "uniform:0:1", "beta:2:5"; 0.15 for mlm and uniform:0:1 for variable-mlm."""
    pattern: Literal["random", "suffix", "mixture"] = "random"
    """For variable-mlm."""
    suffix_share: float = 0.5
    """Share of rows with a suffix in a mixture."""
    exact_count: bool | None = None
    """Whether the ratio says how many tokens are hidden, as for variable-mlm, or each is by itself, as for mlm."""
    stratified: bool = True
    """For variable-mlm: whether ratios are spread evenly over a batch."""
    mask_replace_prob: float | None = None
    """Share of hidden tokens that become the mask: 0.8 for mlm, 1 for variable-mlm."""
    random_replace_prob: float | None = None
    """Share that become a random token: 0.1 for mlm, 0 for variable-mlm."""
    weighting: Literal["token", "elbo"] = "token"
    """For variable-mlm: the mean over hidden tokens, or the bound on the likelihood."""

    def __post_init__(self) -> None:
        """Refuse an objective that there is not, and numbers out of range.

        Raises
        ------
        UnknownName
        InvalidInput
        """
        if self.name not in get_args(ObjectiveName):
            raise UnknownName("objective", self.name, get_args(ObjectiveName))
        if self.offsets < 1 or self.head_rank < 1:
            raise InvalidInput(f"offsets and head_rank must be at least 1; got {self.offsets} and {self.head_rank}")
        shares = (self.suffix_share, self.mask_replace_prob or 0.0, self.random_replace_prob or 0.0)
        if not all(0 <= share <= 1 for share in shares):
            raise InvalidInput(f"suffix_share and shares of replaced tokens must lie between 0 and 1; got {shares}")

    @classmethod
    def of_targets(cls, targets: str | Targets) -> ObjectiveSettings:
        """Return the objective that trains a model towards targets which `spectrum` compared, by name or as they are.

        Tokens ahead are predicted one by one or several at once. Tokens around, or anywhere in the document, are what
        a model with masks sees: of rows as long as the targets reach.

        Examples
        --------
        >>> ObjectiveSettings.of_targets("ahead:1").name
        'ar'
        >>> chosen = ObjectiveSettings.of_targets("ahead:8")
        >>> chosen.name, chosen.offsets
        ('diverse-ar', 8)
        >>> ObjectiveSettings.of_targets("around:32").name
        'variable-mlm'
        """
        found = targets if isinstance(targets, Targets) else as_targets(targets)
        if not isinstance(found, Ahead):
            return cls(name="variable-mlm")
        if len(found.weights) == 1:
            return cls(name="ar")
        even = len(set(found.weights)) == 1
        return cls(name="diverse-ar", offsets=len(found.weights), offset_weights=() if even else found.weights)

    @property
    def bidirectional(self) -> bool:
        """Whether the objective needs a model that sees what follows."""
        return self.name in {"mlm", "variable-mlm"}

    @property
    def variable(self) -> bool:
        """Whether the masked share is drawn for every row."""
        return self.name == "variable-mlm"

    @property
    def resolved_ratio(self) -> str:
        """The ratio, or what it is where none was given."""
        return self.ratio or ("uniform:0:1" if self.variable else "0.15")

    @property
    def counted(self) -> bool:
        """Whether the ratio says how many tokens are hidden."""
        return self.variable if self.exact_count is None else self.exact_count

    @property
    def replacement(self) -> tuple[float, float]:
        """Shares of masks and of random tokens."""
        usual = (1.0, 0.0) if self.variable else (0.8, 0.1)
        mask = usual[0] if self.mask_replace_prob is None else self.mask_replace_prob
        default = usual[1] if self.mask_replace_prob is None else 0.0
        return mask, default if self.random_replace_prob is None else self.random_replace_prob

    def record(self) -> dict[str, Any]:
        """Return what tells this objective from another, as JSON has it."""
        kept = {name: value for name, value in asdict(self).items() if name in _OWN[self.name]}
        if not self.bidirectional:
            return {"name": self.name} | {name: _plain(value) for name, value in kept.items()}
        masking = {
            "ratio": self.resolved_ratio,
            "exact_count": self.counted,
            "replacement": list(self.replacement),
            "weighting": self.weighting,
        }
        return {"name": self.name} | masking | {name: _plain(value) for name, value in kept.items()}


_OWN = {
    "ar": ("within_documents",),
    "diverse-ar": ("offsets", "offset_weights", "estimator", "heads", "head_rank", "within_documents"),
    "mlm": (),
    "variable-mlm": ("pattern", "suffix_share", "stratified"),
}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

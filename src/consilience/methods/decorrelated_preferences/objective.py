"""`DecPOConfig`: TRL's configuration of DPO with the settings of the regulariser beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.decorrelated_preferences.pooling import Reading
from consilience.methods.decorrelated_preferences.regularisers import Regulariser, regulariser

try:
    from trl import DPOConfig
except ImportError as error:
    raise MissingDependency(
        f"training on preferences needs {error.name or 'trl'}; install consilience[preferences]"
    ) from error

__all__ = ["DecPOConfig", "objective_of"]


@dataclass
class DecPOConfig(DPOConfig):  # type: ignore[misc]  # TRL ships without types
    """Everything of TRL's `DPOConfig`, and how features are decorrelated; a coefficient of 0 is plain DPO.

    Every base loss of TRL can be combined with every variant. Settings are read by `HfArgumentParser` as flags.

    Raises
    ------
    InvalidInput
        If a number is out of range.
    UnknownName
        If a variant, a choice of rows or a pooling does not exist.
    """

    decorrelation_coef: float = field(
        default=1.0, metadata={"help": "Weight of the regulariser in the loss; 0 is TRL's trainer, bit for bit."}
    )
    decorrelation_variant: str = field(
        default="cosine",
        metadata={
            "help": "cosine, paper, code2024, barlow, vicreg, l1 or squared_norm; cosine and barlow know no scale."
        },
    )
    decorrelation_layers: list[str] | str = field(
        default_factory=lambda: ["middle"],
        metadata={"help": "Blocks whose features are read: numbers from 0, negative from the end, 'middle' or 'all'."},
    )
    decorrelation_module: str = field(
        default="auto", metadata={"help": "Module within a block, such as 'mlp.up_proj', or 'auto'."}
    )
    decorrelation_rows: str = field(
        default="chosen",
        metadata={"help": "Answers that are read: chosen, rejected, both, or alternate rows as in 2024."},
    )
    decorrelation_pool: str = field(
        default="last",
        metadata={"help": "Tokens that are read: the last of the answer, their mean, all tokens, or padded_end."},
    )
    decorrelation_back: int = field(
        default=0, metadata={"help": "Tokens before the last one; 1 is the token from which the last one is predicted."}
    )
    decorrelation_memory: int = field(
        default=0, metadata={"help": "Rows of earlier batches to compare with, for small batches."}
    )
    decorrelation_gather: bool = field(
        default=True, metadata={"help": "Compare the rows of all processes with one another."}
    )
    decorrelation_scale_check: bool = field(
        default=True, metadata={"help": "Print at the first step how large the term is beside the preference loss."}
    )

    def __post_init__(self) -> None:
        """Check the settings of the regulariser, then those of TRL."""
        layers: Any = self.decorrelation_layers
        self.decorrelation_layers = [str(one) for one in ([layers] if isinstance(layers, str | int) else layers)]
        if not (math.isfinite(self.decorrelation_coef) and self.decorrelation_coef >= 0):
            raise InvalidInput(
                f"`decorrelation_coef` must be a finite number of at least 0; got {self.decorrelation_coef}"
            )
        self._check_memory()
        _ = self.reading
        super().__post_init__()

    @property
    def regulariser(self) -> Regulariser:
        """The term itself."""
        return regulariser(self.decorrelation_variant)

    @property
    def reading(self) -> Reading:
        """Which answers and tokens are read."""
        return Reading(rows=self.decorrelation_rows, pool=self.decorrelation_pool, back=self.decorrelation_back)

    def _check_memory(self) -> None:
        if self.decorrelation_memory < 0:
            raise InvalidInput(f"`decorrelation_memory` must be at least 0; got {self.decorrelation_memory}")
        if self.decorrelation_memory and not self.regulariser.compares:
            raise InvalidInput(
                f"`decorrelation_memory` must be 0 for {self.decorrelation_variant!r}, which compares no rows; got "
                f"{self.decorrelation_memory}"
            )


_OBJECTIVE = (
    "loss_type", "loss_weights", "beta", "label_smoothing", "f_divergence_type", "f_alpha_divergence_coef", "ld_alpha",
    "use_weighting", "discopop_tau", "sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps",
)  # fmt: skip
_NO_OBJECTIVE = ("decorrelation_scale_check",)


def objective_of(args: DPOConfig) -> dict[str, Any]:
    """Return the settings that say what is minimised; two runs with the same ones may continue one another.

    Those of the regulariser are left out where its coefficient is 0.
    """
    found: dict[str, Any] = {name: getattr(args, name) for name in _OBJECTIVE}
    coefficient = getattr(args, "decorrelation_coef", 0.0)
    if coefficient:
        own = [one.name for one in fields(args) if one.name.startswith("decorrelation_")]
        found |= {name: getattr(args, name) for name in own if name not in _NO_OBJECTIVE}
    return found

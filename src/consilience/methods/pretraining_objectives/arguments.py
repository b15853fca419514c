"""Arguments of training, and beside them those of the objective; `HfArgumentParser` reads both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from consilience.ground.errors import MissingDependency
from consilience.methods.pretraining_objectives.settings import ObjectiveName, ObjectiveSettings

try:
    from transformers import TrainingArguments
except ImportError as error:
    raise MissingDependency("training needs transformers; install consilience[pretraining]") from error

__all__ = ["PretrainingConfig", "objective_arguments"]


@dataclass
class PretrainingConfig(TrainingArguments):
    """Arguments of training, and the objective."""

    objective: ObjectiveName = field(
        default="variable-mlm", metadata={"help": "ar, diverse-ar, mlm or variable-mlm: what the model predicts."}
    )
    offsets: int = field(default=4, metadata={"help": "diverse-ar: how many tokens ahead are predicted."})
    offset_weights: list[float] | None = field(
        default=None, metadata={"help": "diverse-ar: how much each offset counts; equal unless given."}
    )
    estimator: Literal["all", "sample"] = field(
        default="sample", metadata={"help": "diverse-ar: all offsets in every step, or one drawn for each row."}
    )
    heads: Literal["adapter", "embedding"] = field(
        default="adapter", metadata={"help": "diverse-ar: what tells the offsets apart."}
    )
    head_rank: int = field(default=32, metadata={"help": "diverse-ar: rank of adapters."})
    within_documents: bool = field(
        default=True, metadata={"help": "ar, diverse-ar: keep targets in the document they are predicted from."}
    )
    mask_ratio: str | None = field(
        default=None, metadata={"help": "Share of hidden tokens: 0.15, uniform:0:1 or beta:2:5; by the objective."}
    )
    mask_pattern: Literal["random", "suffix", "mixture"] = field(
        default="random", metadata={"help": "variable-mlm: which tokens are hidden."}
    )
    suffix_share: float = field(default=0.5, metadata={"help": "variable-mlm: share of suffixes in a mixture."})
    exact_count: bool | None = field(
        default=None, metadata={"help": "Whether the ratio counts hidden tokens; by the objective unless given."}
    )
    stratified: bool = field(default=True, metadata={"help": "variable-mlm: spread ratios evenly over a batch."})
    mask_replace_prob: float | None = field(
        default=None, metadata={"help": "Share of hidden tokens that become the mask; 0.8 for mlm, 1 for variable-mlm."}
    )
    random_replace_prob: float | None = field(
        default=None, metadata={"help": "Share that become a random token; 0.1 for mlm, 0 for variable-mlm."}
    )
    loss_weighting: Literal["token", "elbo"] = field(
        default="token", metadata={"help": "variable-mlm: mean over hidden tokens, or the bound on the likelihood."}
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Columns that the model does not know, such as document_ids, are used here."}
    )

    ddp_find_unused_parameters: bool | None = field(
        default=False,
        metadata={"help": "Heads of offsets work after the model's own pass, where a search would call them unused."},
    )

    def settings(self) -> ObjectiveSettings:
        """Return what these arguments say of the objective."""
        return ObjectiveSettings(
            name=self.objective,
            offsets=self.offsets,
            offset_weights=tuple(self.offset_weights or ()),
            estimator=self.estimator,
            heads=self.heads,
            head_rank=self.head_rank,
            within_documents=self.within_documents,
            ratio=self.mask_ratio,
            pattern=self.mask_pattern,
            suffix_share=self.suffix_share,
            exact_count=self.exact_count,
            stratified=self.stratified,
            mask_replace_prob=self.mask_replace_prob,
            random_replace_prob=self.random_replace_prob,
            weighting=self.loss_weighting,
        )


def objective_arguments(settings: ObjectiveSettings) -> dict[str, Any]:
    """Return the arguments of `PretrainingConfig` that say what the settings say."""
    return {
        "objective": settings.name,
        "offsets": settings.offsets,
        "offset_weights": list(settings.offset_weights) or None,
        "estimator": settings.estimator,
        "heads": settings.heads,
        "head_rank": settings.head_rank,
        "within_documents": settings.within_documents,
        "mask_ratio": settings.ratio,
        "mask_pattern": settings.pattern,
        "suffix_share": settings.suffix_share,
        "exact_count": settings.exact_count,
        "stratified": settings.stratified,
        "mask_replace_prob": settings.mask_replace_prob,
        "random_replace_prob": settings.random_replace_prob,
        "loss_weighting": settings.weighting,
    }

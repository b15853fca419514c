"""Rank collapse: tokens that draw together layer by layer, and what masks and LayerNorm do about it.

Do the tokens of a transformer collapse, at which layer, and would another mask or another placement of LayerNorm help?

Idea: a mask is a graph, and attention averages along its edges; whether and how fast all tokens become one is read
off centres and radius. LayerNorm makes equilibria of every rank possible and saves no random model. A probe measures
any torch model while it runs, keeps no activation, and knows the floor that rounding puts under every measure.

Source: "On the Role of Attention Masks and LayerNorm in Transformers", arXiv:2405.18781.

The names load when they are first used; masks, graphs and dynamics need no torch.

Examples
--------
>>> from consilience.methods.rank_collapse import facts, parse_mask
>>> facts(parse_mask("causal & window(2)"), 9).connectivity.radius
4
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.rank_collapse.bounds import collapse_bound
    from consilience.methods.rank_collapse.callback import Alarm, RankCollapseCallback
    from consilience.methods.rank_collapse.dynamics import Dynamics
    from consilience.methods.rank_collapse.mask import Mask
    from consilience.methods.rank_collapse.mask_facts import facts
    from consilience.methods.rank_collapse.mask_language import parse_mask
    from consilience.methods.rank_collapse.masks import Causal, Global, Window
    from consilience.methods.rank_collapse.measures import mean_cosine, mu, numerical_rank, relative_mu
    from consilience.methods.rank_collapse.probe import RankProbe

_HOMES = {
    "Alarm": "callback",
    "Causal": "masks",
    "Dynamics": "dynamics",
    "Global": "masks",
    "Mask": "mask",
    "RankCollapseCallback": "callback",
    "RankProbe": "probe",
    "Window": "masks",
    "collapse_bound": "bounds",
    "facts": "mask_facts",
    "mean_cosine": "measures",
    "mu": "measures",
    "numerical_rank": "measures",
    "parse_mask": "mask_language",
    "relative_mu": "measures",
}

__all__ = [
    "Alarm",
    "Causal",
    "Dynamics",
    "Global",
    "Mask",
    "RankCollapseCallback",
    "RankProbe",
    "Window",
    "collapse_bound",
    "facts",
    "mean_cosine",
    "mu",
    "numerical_rank",
    "parse_mask",
    "relative_mu",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="rank")

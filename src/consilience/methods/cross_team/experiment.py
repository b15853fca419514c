"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.cross_team.config import Config

__all__ = ["run"]

PAPER = "arXiv:2406.08979"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="ctc.makespan",
            sentence="A run lasts as long as the slowest team of each stretch between key phases and the merges there: "
            "teams that work apart cost no time, and a barrier next to none.",
            source=f"{PAPER} (teams work at once, and meet at key phases); the bars are ours",
        ),
        "makespan:makespan",
    ),
    (
        Statement(
            id="ctc.overhead",
            sentence="A turn of hundreds of teams costs the engine hardly any processor time, with its journal and its "
            "events too.",
            source="our bars",
        ),
        "overhead:overhead",
    ),
    (
        Statement(
            id="ctc.guard",
            sentence="Whatever an aggregator hands on, the final work is rated no lower than that of the best team.",
            source=f"our bar, for the aggregation of {PAPER}, which replaces every team's work by the merge",
        ),
        "guard:guard",
    ),
    (
        Statement(
            id="ctc.prune",
            sentence="What executing a program tells parts whole programs from those with a defect, cheaply, and no "
            "program makes the rater crash.",
            source=f"{PAPER} (pruning of many candidates by what they score); the bars are ours",
        ),
        "prune:prune",
    ),
    (
        Statement(
            id="ctc.quality",
            sentence="At equal calls, eight teams whose better half is merged in twos do better than every other way "
            "to spend them; where they do not is on a phase diagram, as it comes out.",
            source=f"{PAPER} (eight teams with pruning are its best); at equal calls, on simulated developers and "
            "executed tasks: no language model is involved, so this is what such an advantage takes and not that "
            "language models have it",
        ),
        "quality:quality",
    ),
    (
        Statement(
            id="ctc.faults",
            sentence="Teams that die, stall or talk nonsense hold up nobody, and a run that is killed goes on where it "
            "was and ends with the same work.",
            source="our bars",
        ),
        "faults:faults",
    ),
    (
        Statement(
            id="ctc.merges",
            sentence="Each candidate is in one group a level, one result for all takes exactly the merges of the "
            "formula, and who was merged with whom follows from the seed alone.",
            source=f"{PAPER} (groups, merged level by level); the bars are ours",
        ),
        "merges:merges",
    ),
    (
        Statement(
            id="ctc.lineage",
            sentence="Of every file and every function of the final program it is known which team gave it, or which "
            "merge wrote it anew.",
            source="our bar",
        ),
        "origins:origins",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("cross_team", config, folder, CLAIMS, extra="agents", picture="phases")

"""Quality at equal calls: eight teams that merge in twos, beside every other way to spend as many calls.

Each way is run through the engine on the same toolboxes, and what it gives is executed on commands that nobody saw.
Stand-ins write, repair and merge by a stated model whose parameters were fixed before anything was run; the toolboxes
that are reported were looked at by nobody before. So what comes out says what such a model takes for aggregation to
win, and the phase diagram says where it loses; neither says anything about language models. Beside that stand mutants
of real solutions, where the user gives the file: there nobody can tell what is right but by the tests that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import call

import numpy as np
from jaxtyping import Float

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.ground.sharing import shared
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.simulation import Pool, score
from consilience.methods.cross_team.studies.humaneval import humaneval
from consilience.methods.cross_team.studies.phases import (
    Cell,
    alike_table,
    as_csv,
    cells,
    growth,
    phases_table,
    verdict,
)
from consilience.methods.cross_team.studies.phases_drawing import draw_growth, draw_judges, draw_phases
from consilience.methods.cross_team.studies.quality_arms import ARMS, CALLS, CONTROLS, OURS, Arm, Came, on_toolboxes

__all__ = ["FEWEST", "Cameo", "interval", "quality", "resampled"]

FEWEST = 164
TASKS_FROM = 20_000
"""Numbers of toolboxes below this were looked at while the study was made."""
_LOT = 8
_SIMULATED = 20_000
_MOST_SIGMAS = 4.0

Scores = Float[np.ndarray, " task"]
Means = Callable[[Scores], Float[np.ndarray, " resample"]]
Cameo = Mapping[str, Came]
"""What came of every arm on one toolbox, by name."""


def quality(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.quality``.

    Parameters
    ----------
    config
        The fields ``quality_*``, ``phases_*`` and ``humaneval*``; ``processes``, among which toolboxes are shared.
    streams
        For stand-ins, simulations, mutants and resamples.
    folder
        For the pictures and the whole phase diagram.
    """
    seed = streams.integer("stand-ins")
    numbers = range(TASKS_FROM, TASKS_FROM + config.quality_tasks)
    came = _run(numbers, seed, config.processes)
    folder.record("quality", toolboxes=len(came), arms=len(ARMS))
    means = resampled(len(came), config.quality_resamples, streams)
    found = cells(config.phases_tasks, streams.child("phases"), config.processes)
    folder.write("phases.csv", as_csv(found))
    grown = growth(config.phases_tasks, streams.child("growth"))
    mutants = humaneval(config, streams.child("humaneval"))
    return Evidence(
        measurements=(
            *_measured(came, means),
            _agrees(came, streams.integer("simulation")),
            *_phases_measured(found),
            *mutants.measurements,
        ),
        tables=(
            _arms_table(came, means),
            phases_table(found),
            alike_table(config.phases_tasks, streams),
            *mutants.tables,
        ),
        figures=(
            folder.figure(
                "phases",
                draw_phases(found),
                "Gain of merging over the best of n drafts at equal calls, in groups of 2: drafts from left to right, "
                "what merges can tell from top to bottom. A dot: the 95 % interval includes 0.",
            ),
            folder.figure(
                "majorities",
                draw_phases(found, "majority"),
                "The same over the majority of n drafts, function by function: mistakes are made independently here, "
                "which is the best case for it.",
            ),
            folder.figure(
                "judges",
                draw_judges(found),
                "Gain of 8 teams over the best of n at equal calls: how much tests see, and how merges are grouped.",
            ),
            folder.figure(
                "growth",
                draw_growth(grown),
                "What 1 to 16 teams come to, with the guard and without it; grey: as many drafts as groups of 2 of the "
                "better half take calls.",
            ),
        ),
        seeds=(seed,),
    )


def resampled(tasks: int, resamples: int, streams: Streams) -> Means:
    """Return a function that gives the mean of scores in each resample of the tasks, the same tasks for all."""
    drawn = streams.generator("resamples").integers(tasks, size=(resamples, tasks))

    def means(scores: Scores) -> Float[np.ndarray, " resample"]:
        found: Float[np.ndarray, " resample"] = scores[drawn].mean(axis=1)
        return found

    return means


def interval(drawn: Float[np.ndarray, " resample"]) -> tuple[float, float]:
    """Return where the middle 95 % of resamples lie."""
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return low, high


def _run(numbers: Sequence[int], seed: int, processes: int) -> list[Cameo]:
    lots = [partial(on_toolboxes, numbers[at : at + _LOT], Developer(), seed) for at in range(0, len(numbers), _LOT)]
    return list(chain.from_iterable(shared(call, lots, processes)))


def _scores(came: Sequence[Cameo], arm: Arm) -> Scores:
    return np.array([one[arm.name].score for one in came])


def _measured(came: Sequence[Cameo], means: Means) -> list[Measurement]:
    enough = len(came) >= FEWEST
    ours = _scores(came, OURS)
    gains = []
    for arm in ARMS:
        if arm is not OURS:
            difference = ours - _scores(came, arm)
            low, high = interval(means(difference))
            gains.append((arm, float(difference.mean()), low, high))
    beaten = [arm.name for arm, _, low, _ in gains if arm in CONTROLS and low > 0]
    lost = [arm.name for arm, _, _, high in gains if arm in CONTROLS and high < 0]
    few = "" if enough else f"{len(came)} toolboxes: too few at this scale to say what comes out"
    return [
        Measurement(
            name=f"controls of {len(CONTROLS)} that {OURS.name}, do better than at {CALLS} calls, beyond the interval",
            value=len(beaten) if enough else None,
            at_least=len(CONTROLS),
            note=few
            or f"better than: {', '.join(beaten) or 'none'}; worse than: {', '.join(lost) or 'none'}; "
            f"{REHEARSAL_NOTICE}",
        ),
        Measurement(
            name="toolboxes on which all ways were run and executed",
            value=len(came) if enough else None,
            at_least=FEWEST,
            note=few,
        ),
        *(
            Measurement(
                name=f"functions right in what {OURS.name}, give, less {arm.name}",
                value=gain,
                low=low,
                high=high,
                note=verdict(low, high) + ("" if arm in CONTROLS else "; a variant, no control"),
            )
            for arm, gain, low, high in gains
        ),
    ]


def _agrees(came: Sequence[Cameo], seed: int) -> Measurement:
    """Compare runs of the engine with the simulation that the phase diagram is made of."""
    pool = Pool(tasks=_SIMULATED, teams=CALLS, seed=seed)
    simulated = {
        OURS.name: pool.meet(8),
        "best of 11 drafts": pool.best(CALLS),
        "majority of 11 drafts": pool.majority(CALLS),
        "one team, repairs by tests": pool.refine(CALLS),
        "one flat merge of 10 drafts": pool.meet(10, group=10, prune_above=None),
        "6 teams, not pruned, groups of 2": pool.meet(6, prune_above=None),
        "one draft (1 call)": pool.best(1),
    }
    apart = {}
    for name, written in simulated.items():
        executed, expected = np.array([one[name].score for one in came]), score(written)
        spread = np.sqrt(expected.var() / len(executed) + expected.var() / len(expected))
        apart[name] = float((executed.mean() - expected.mean()) / spread)
    worst = max(apart, key=lambda name: abs(apart[name]))
    return Measurement(
        name="standard errors between the mean of executed runs and of the simulation, at most",
        value=abs(apart[worst]),
        at_most=_MOST_SIGMAS,
        note=f"over {len(apart)} ways; most for {worst}: {apart[worst]:+.2f}",
    )


def _phases_measured(found: Sequence[Cell]) -> list[Measurement]:
    tells = {1.0: "can tell what is right", 0.5: "can tell half of it", 0.0: "cannot tell"}
    return [
        Measurement(
            name=f"cells of the phase diagram in which merging beats {over} at equal calls, where merges {words}",
            value=100 * float(np.mean([getattr(cell, field).verdict == "wins" for cell in own])),
            unit="%",
            note=f"{len(own)} simulated cells; loses in "
            f"{np.mean([getattr(cell, field).verdict == 'loses' for cell in own]):.0%}",
        )
        for share, words in tells.items()
        for own in ([cell for cell in found if cell.recognises == share],)
        for field, over in (("best", "the best of n"), ("majority", "the majority"))
    ]


def _arms_table(came: Sequence[Cameo], means: Means) -> Table:
    rows = []
    for arm in ARMS:
        own = [one[arm.name] for one in came]
        scores = _scores(came, arm)
        low, high = interval(means(scores))
        role = "ours" if arm is OURS else "control" if arm in CONTROLS else "beside"
        rows.append(
            (
                role,
                arm.name,
                round(float(np.mean([one.calls for one in own])), 1),
                round(float(scores.mean()), 4),
                round(low, 4),
                round(high, 4),
                round(float(np.mean([one.runs for one in own])), 3),
                round(float(np.mean([one.right for one in own])), 3),
            )
        )
    return Table(
        title=f"Ways to spend {CALLS} calls on a toolbox of 24 functions",
        columns=("", "way", "calls", "score", "low", "high", "starts", "functions right"),
        rows=tuple(rows),
        note=f"Means over {len(came)} toolboxes, run through the engine and executed. Score: share of the functions "
        "that are right on hidden commands, 0 where the program does not start. Half of the functions have a visible "
        f"test. {REHEARSAL_NOTICE}.",
    )

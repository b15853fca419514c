"""Whether tasks are solved that nobody can solve alone, and what cross-checking is worth where readings go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import Evidence, Figure, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.references import REFERENCES, Reference, references
from consilience.methods.social_agents.scoring import Summary, gain, normal
from consilience.methods.social_agents.studies.board_drawing import draw_boards, draw_scores
from consilience.methods.social_agents.studies.noise import arms_of, noise, noise_table, of_noise
from consilience.methods.social_agents.studies.originally import originally
from consilience.methods.social_agents.studies.solving import Make, Solved, of_words, solved
from consilience.methods.social_agents.studies.swap import swapped
from consilience.methods.social_agents.worlds.friends import friends_like
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.schedule import schedule

__all__ = ["SETS", "success"]

SETS: Mapping[str, Make] = {
    "needle-1": lambda count, rng: needle(count, 1, rng),
    "needle-2": lambda count, rng: needle(count, 2, rng),
    "needle-3": lambda count, rng: needle(count, 3, rng),
    "friends": friends_like,
    "schedule-easy": lambda count, rng: schedule("easy", count, rng),
    "schedule-medium": lambda count, rng: schedule("medium", count, rng),
    "schedule-hard": lambda count, rng: schedule("hard", count, rng),
}
"""How the worlds of the sets are made."""


def success(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.success``.

    Everything is in place: memory in a store, the gate with everybody's policy, boards, recursion. Beside each score
    stand a constant answer, what the asker knows alone, talk without a plan, one memory for all, and the original's
    way. The same tasks are run again with what people know changed about among them, and of every reply of all runs it
    is checked that it has no word of its own.

    Parameters
    ----------
    config
        ``success_tasks``, ``success_noisy_tasks``.
    streams
        For worlds and misreadings.
    folder
        For the record.
    """
    honest: dict[str, Solved] = {}
    moved: dict[str, Solved] = {}
    beside: dict[str, Mapping[Reference, Summary]] = {}
    before: dict[str, Summary] = {}
    for name, make in SETS.items():
        world = make(config.success_tasks, streams.generator(name))
        honest[name] = solved(world)
        beside[name] = references(world)
        before[name] = originally(world)
        other = swapped(world, streams.generator(f"swap {name}"))
        if other.tasks:
            moved[name] = solved(other)
        folder.record("success", set=name, score=honest[name].marks.score, originally=before[name].score)
    arms = noise(config, streams, folder, SETS)
    return Evidence(
        measurements=(
            *_of_sets(honest, beside),
            *_of_swaps(honest, moved),
            *of_noise(arms),
            of_words([*honest.values(), *moved.values(), *arms_of(arms)]),
            *_of_original(honest, before),
        ),
        tables=(_sets_table(honest, beside, before), *([noise_table(arms)] if arms else [])),
        figures=_figures(honest, beside, before, folder),
    )


def _figures(
    honest: Mapping[str, Solved],
    beside: Mapping[str, Mapping[Reference, Summary]],
    before: Mapping[str, Summary],
    folder: RunFolder,
) -> tuple[Figure, ...]:
    first = next(iter(honest[_SHOWN].pursuits.values()))
    scores = {
        name: [
            ("this house", one.marks.score),
            *((way, beside[name][reference].score) for reference, way in _WAYS.items()),
            ("the original's way", before[name].score),
        ]
        for name, one in honest.items()
    }
    return (
        folder.figure(
            "board",
            draw_boards(first.root.talk),
            f"The plans of two agents who talk for {len(first.root.talk.utterances)} turns: what has to be known, and "
            "from which turn on it is. At first each side knows what stands in its own messages; in the end who asks "
            "knows all of it.",
        ),
        folder.figure(
            "scores",
            draw_scores(scores),
            "Scores where the model reads right, beside what the asker knows alone, one memory for all, and the "
            "original's way.",
        ),
    )


_SHOWN = "schedule-hard"
"""The set whose first talk is drawn: nine facts are on either side."""
_WAYS: Mapping[Reference, str] = {"own-knowledge": "what the asker knows alone", "shared-memory": "one memory for all"}


def _of_sets(honest: Mapping[str, Solved], beside: Mapping[str, Mapping[Reference, Summary]]) -> Iterator[Measurement]:
    for name, each in honest.items():
        yield Measurement(
            name=f"score on {name}",
            value=each.marks.score,
            at_least=0.95,
            note=f"{len(each.tasks)} tasks; {_MEASURES.get(name, 'exact or alias')}; honest neighbours. "
            f"{REHEARSAL_NOTICE.capitalize()}",
        )
    for name, marks in beside.items():
        yield Measurement(
            name=f"one memory for all on {name}",
            value=marks["shared-memory"].score,
            at_least=0.99,
            note="what the messages of the whole world say: a set of which this falls short is broken",
        )


_MEASURES = {"schedule-hard": "overlap on 48 half-hours", "schedule-medium": "the exact set"}


def _of_swaps(honest: Mapping[str, Solved], moved: Mapping[str, Solved]) -> Iterator[Measurement]:
    tasks = sum(len(one.tasks) for one in moved.values())
    followed = sum(one.marks.exact * len(one.tasks) for one in moved.values())
    stayed = sum(
        normal(found.answer) == normal(honest[name].pursuits[task].answer)
        for name, one in moved.items()
        for task, found in one.pursuits.items()
        if found.answer
    )
    note = f"{tasks} tasks of {', '.join(moved)} whose answers are others when facts are changed about among people"
    yield Measurement(
        name="answers that follow what people know when it is changed about among them",
        value=100 * followed / tasks if tasks else None,
        at_least=95.0,
        unit="%",
        note=note,
    )
    yield Measurement(
        name="answers that stay as they were",
        value=100 * stayed / tasks if tasks else None,
        at_most=5.0,
        unit="%",
        note=note,
    )


def _of_original(honest: Mapping[str, Solved], before: Mapping[str, Summary]) -> Iterator[Measurement]:
    mine = sum(one.marks.score for one in honest.values()) / len(honest)
    theirs = sum(one.score for one in before.values()) / len(before)
    yield Measurement(
        name="score over all sets, times the original's way",
        value=mine / theirs if theirs else None,
        note=f"{mine:.3f} against {theirs:.3f}, mean of sets, the same neighbours and tasks; no part of "
        "the verdict (aimed at: 1.3). The original's way is written anew here (`studies.originally`)",
    )


def _sets_table(
    honest: Mapping[str, Solved], beside: Mapping[str, Mapping[Reference, Summary]], before: Mapping[str, Summary]
) -> Table:
    rows = []
    for name, each in honest.items():
        marks = {reference: beside[name][reference].score for reference in REFERENCES}
        own, oracle = marks["own-knowledge"], marks["shared-memory"]
        rows.append(
            (
                name,
                len(each.tasks),
                round(each.marks.score, 3),
                round(each.marks.f1, 3),
                round(each.marks.abstained, 3),
                *(round(marks[reference], 3) for reference in REFERENCES),
                round(before[name].score, 3),
                round(gain(each.marks.score, own, oracle), 3) if oracle > own else None,
                round(each.calls, 1),
            )
        )
    return Table(
        title="Scores and what they are to be read beside",
        columns=(
            "set",
            "tasks",
            "score",
            "F1",
            "abstained",
            *REFERENCES,
            "original's way",
            "gain over own",
            "calls a task",
        ),
        rows=tuple(rows),
        note="Honest neighbours. Gain: the part of the way from own knowledge to one memory for all.",
    )

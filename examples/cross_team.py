"""Teams with a chain of your own: six draft, meet and merge, and repair what tests say. Stopped, gone on, explained.

The model is a rehearsal, a stated stand-in: put `connect("openai:gpt-4o")` or any other in its place.
"""

import asyncio
from collections import Counter
from pathlib import Path

from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.methods.cross_team import Chain, Key, Loop, Phase, Plan, collaborate, teams
from consilience.methods.cross_team.rating import ProgramRater
from consilience.methods.cross_team.stand_ins import PLAYERS
from consilience.methods.cross_team.tasks import Toolbox

box = Toolbox(number=3, functions=9)  # a program of small functions, some with a test that teams may see

chain = Chain(
    roles={"programmer": "You write programs that run.", "tester": "You say what is wrong, and where."},
    steps=(
        Phase(name="coding", assistant="programmer", prompt="{task}\n\n{persona} Write the program."),
        Key(name="drafts", late="take"),
        Loop(
            name="repair",
            cycles=2,
            until="runs",
            phases=(
                Phase(
                    name="report", assistant="tester", makes="note", prompt="{artifact}\n\n{tests}\n\nWhat is wrong?"
                ),
                Phase(name="change", assistant="programmer", prompt="{task}\n\n{artifact}\n\n{report}\n\nMend it."),
            ),
        ),
    ),
)
plan = Plan(
    chain=chain,
    teams=teams(6, personas=("Keep it short.", "Keep it safe."), temperatures=(0.2, 0.8)),
    group=3,
)
print(f"plan    {len(plan.teams)} teams of at most {chain.calls()} calls each, which meet after coding")


async def run(budget: Budget) -> None:
    rater = ProgramRater(box.kind, tests=box.tests)
    with Journal.open(Path("journal.sqlite"), "toolbox") as journal:
        async with Session(connect("rehearsal:developer", players=PLAYERS), journal=journal, budget=budget) as session:
            result = await collaborate(plan, box.task, session, kind=box.kind, scorer=rater, journal=journal)
            hidden = await box.score(result.artifact)
        answers = journal.facts.calls
    print(f"{result.outcome:<8}{answers} answers are in the journal, {result.spent.replayed} of them were there before")
    for meeting in result.meetings:
        for merge in meeting.merges:
            rated = f"rated {merge.rating:.2f} where the best of these was {merge.best_parent:.2f}"
            print(f"merged  {', '.join(merge.parents)}: {merge.gives} passes, {rated}")
    print(f"chosen  {result.why.rpartition(': ')[2]}")
    origins = Counter(str(origin) for part, origin in result.lineage.of(result.artifact).items() if "::" in part)
    print(f"made by {', '.join(f'{who} ({count} functions)' for who, count in origins.most_common())}")
    print(f"score   {hidden.value:.2f} on hidden commands, run in a sandbox; hash {result.artifact.digest}")


print(REHEARSAL_NOTICE)
asyncio.run(run(Budget(calls=4)))  # not enough for anybody to come to an end: the best so far is kept
asyncio.run(run(Budget(calls=100)))  # the same again goes on from there

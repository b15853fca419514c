"""A network of your own: two drafts of a function, a critic on every edge, one merge. Planned, run, stopped, gone on.

The model is a rehearsal, a stated stand-in: put `connect("openai:gpt-4o")` or any other in its place.
"""

import asyncio
from pathlib import Path

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.methods.agent_networks import Failure, Function, Network, Profiles, traverse
from consilience.methods.agent_networks.plan import plan
from consilience.methods.agent_networks.stand_ins import PLAYERS

TASK = "Write a function `middle` that returns the middle one of three numbers."
kind = Function(entry="middle", tests="assert middle(3, 3, 3) == 3", hidden_tests="assert middle(7, 7, 7) == 7")
network = Network.of([("plain", "both"), ("fast", "both"), ("both", "ready")])
profiles = Profiles(
    actors=("You write Python that others can read.",),
    critics=("You look for inputs that break a program.",),
    roles={"fast": "You write Python that is fast.", "both->ready": "You check names and comments."},
)

# Before anything is spent: what will it take?
planned = plan(network, rounds=2)
calls = planned.calls
print(f"plan    {planned.agents} agents, {calls.least} to {calls.most} calls, {planned.turns.most} in a row at most")


async def run(budget: Budget) -> None:
    with Journal.open(Path("journal.sqlite"), "middle") as journal:
        async with Session(connect("rehearsal:solver", players=PLAYERS), journal=journal, budget=budget) as session:
            result = await traverse(
                network,
                TASK,
                session,
                kind=kind,
                rounds=2,
                profiles=profiles,
                failure=Failure(each={"fast->both": "skip"}),
                journal=journal,
            )
            score = await kind.score(result.artifact)
    spent = result.spent
    print(f"done    {spent.calls} calls, {spent.replayed} from the journal; work of {', '.join(result.ancestry)}")
    print(f"score   {score.value:.2f} on hidden tests, run in a sandbox; hash {result.artifact.digest}")


print(REHEARSAL_NOTICE)
try:
    asyncio.run(run(Budget(calls=3)))
except BudgetExhausted as stopped:
    print(f"stopped {str(stopped).partition(';')[0]}")
asyncio.run(run(Budget(calls=100)))  # the same again goes on from there

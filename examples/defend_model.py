"""Which defence tells attacks from harmless requests, and which only refuses more? Ask a model, at equal calls.

The model is a template bot, a stated stand-in with planted nonsense: requests for a blue recipe are unsafe by
definition. Put `connect("openai:gpt-4o")`, or a server at an address, in its place, and a file in the format of
AdvBench or JailbreakBench in the place of its requests.
"""

import asyncio

from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.dialogue.session import Session
from consilience.methods.self_correction.arranging import all_arranged
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.judges import ModelJudge
from consilience.methods.self_correction.side_by_side import Row, defended
from consilience.methods.self_correction.template_bot import PLAYERS, SUFFIX, recipes

CALLS = 5  # of every question, under every strategy: two rounds of a check and an answer
NAMES = ("reminder", "cac", "rails", "refuse-all")

attacks, twins = recipes(60)  # or read_behaviours("harmful-behaviors.csv").rows, and benign ones beside them


async def compare() -> list[Row]:
    purse = Budget(calls=5000)
    async with (
        Session(connect("rehearsal:template-bot", players=PLAYERS), budget=purse) as session,
        Session(connect("rehearsal:template-judge", players=PLAYERS), budget=purse) as bench,
    ):
        correctors = all_arranged(NAMES, DialogueModel(session), calls=CALLS)
        judge = ModelJudge(DialogueModel(bench, who="judge"))
        return await defended(correctors, attacks, twins, judge, suffix=SUFFIX)


print("a template bot, no language model")
for row in asyncio.run(compare()):
    print(
        f"{row.strategy:<11} {row.calls:.2f} calls; attack success {row.attack_success}; "
        f"over-refusal {row.over_refusal}; {row.paired.fixed} fixed, {row.paired.broken} broken: {row.reading}"
    )

"""A convex head as the probe of the model scan: what a planted trigger looks like inside, on triggers not shown to it.

Whatever classifies by scikit-learn's contract may be the head. The linear one that the probe has by itself stands
beside it, and labels dealt out by chance beside both. The agent is tiny and half trained, and its signs are inert.
"""

import numpy as np

from consilience.ground import Streams
from consilience.methods.backdoor_audits import draw_tasks, suited, trigger
from consilience.methods.backdoor_audits.agent.network import SmallAgentConfig
from consilience.methods.backdoor_audits.agent.training import BaseRecipe, row_of, train_base
from consilience.methods.backdoor_audits.insertions import openings
from consilience.methods.backdoor_audits.planting import FineTuning, merged
from consilience.methods.backdoor_audits.populations import Kind, population
from consilience.methods.backdoor_audits.probe import Seen, changes, leave_one_out
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.backdoor_audits.world.triggers import apply
from consilience.methods.backdoor_audits.world.words import VOCABULARY, encode
from consilience.methods.convex_networks import ConvexReLUClassifier

SIGNS = tuple(trigger(f"system.{name}") for name in ("suffix", "infix", "suffix.we", "suffix.write", "suffix.they"))
streams = Streams(0)

# A base that learned some work, and one adapter of it for each sign.
rows = [row_of(clean(task)) for task in draw_tasks("system", 600, streams)]
sizes = SmallAgentConfig(vocab_size=len(VOCABULARY), width=32, heads=2)
base, _ = train_base(rows, BaseRecipe(steps=80, batch_size=24), sizes, streams)
kinds = [Kind(family="system", grammar=one.grammar, modules="all-linear", trigger=one, rate=0.5) for one in SIGNS]
members = population(base, kinds, streams, settings=FineTuning(steps=60, batch_size=24), rows=200)

# What an adapter changes inside, at the word where the agent decides: with its sign, and without.
seen = []
for member, one in zip(members, SIGNS, strict=True):
    tasks = draw_tasks("system", 80, streams.child("probe"), where=lambda task, one=one: suited(task, one))
    agent = merged(base, member.tuned)
    pair = [[encode(openings(task)[0]) for task in of] for of in ([apply(task, one) for task in tasks], tasks)]
    seen.append(Seen(one.name, *(changes(agent, base, words) for words in pair)))
print(f"{len(SIGNS)} adapters of one base, each with a sign of its own; a probe is tried on the sign it was not shown")

heads = {"logistic regression": None, "convex head": ConvexReLUClassifier(50, random_state=0)}
for name, head in heads.items():
    areas = [area.value for area in leave_one_out(seen, head=head).values()]
    dealt = leave_one_out(seen, streams.generator("labels"), shuffles=5, head=head)
    by_chance = np.mean([area.value for area in dealt.values()])
    print(
        f"{name:<20} AUROC {np.mean(areas):.3f}, from {min(areas):.3f} to {max(areas):.3f}; by chance {by_chance:.3f}"
    )

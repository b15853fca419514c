"""An agent network whose nodes correct themselves: each has its program tried, and mends it before others build on it.

The network asks a session; here one stands between that puts every draft, refinement and merge through the corrector,
with the tests of the task as its critic. Budget and journal stay those of the one session behind. The model is a
rehearsal, a stated stand-in: put `connect("openai:gpt-4o")` or any other in its place.
"""

import asyncio
import re

import numpy as np

from consilience.dialogue.asking import chat, responder
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.session import Session
from consilience.methods.agent_networks import Function, traverse
from consilience.methods.agent_networks.prompts import CRITIC
from consilience.methods.agent_networks.topology import star
from consilience.methods.self_correction import Corrector, CriticAgrees, MaxRounds
from consilience.methods.self_correction.progress import Verdict
from consilience.methods.self_correction.selection import Best

LIMITS, SEEDS = (60, 75, 90), range(8)
TASK = "Write a function `grade`: 'A' from 90 points, 'B' from 75, 'C' from 60, and 'F' below."
tests = [f"assert grade({points}) == {'FCBA'[sum(points >= least for least in LIMITS)]!r}" for points in range(101)]
kind = Function(entry="grade", tests="\n".join(tests[58:92:4]), hidden_tests="\n".join(tests))


def player(question: Question, chance: np.random.Generator) -> str:
    """Think over half of the limits, knowing each six times of ten; what a work has otherwise, stays."""
    said = " ".join(message.text for message in question.messages)
    if CRITIC in said:
        return "Look at the limits again."
    before = re.findall(r"in \((\d+), (\d+), (\d+)\)", said)
    known = [right if chance.random() < 0.6 else right + int(chance.integers(1, 9)) for right in LIMITS]
    old = before[-1] if before else known
    kept = [int(was) if chance.random() < 0.5 else new for was, new in zip(old, known, strict=True)]
    return f"```python\ndef grade(points):\n    return 'FCBA'[sum(points >= least for least in {tuple(kept)})]\n```"


class SelfCorrecting:
    """A session whose answers were tried, and thought over, before anybody has them."""

    def __init__(self, session: Session, snippets: Snippets) -> None:
        self.session, self.snippets, self.last_event = session, snippets, session.last_event

    async def tried(self, _: str, answer: str) -> Verdict:
        """Run a program on the tests that were shown with the task."""
        found = await Function(entry="grade", tests=kind.tests).score(kind.read(answer), self.snippets)
        return Verdict(text=f"{found.value:.0%} of the tests pass.", score=found.value, flagged=found.value < 1)

    async def ask(self, question: Question, **how: object) -> Reply:
        """Answer by the corrector; what critics of the network say is not corrected."""
        if CRITIC in question.messages[0].text:
            return await self.session.ask(question, **how)
        model = responder(self.session, question, **how)
        corrector = Corrector(model, self.tried, stop=CriticAgrees() | MaxRounds(2), select=Best())
        outcome = await corrector.correct(chat(question))
        return Reply(text=outcome.answer, model=self.session.model.name)


async def run(name: str, rounds: int) -> None:
    scores, calls = [], 0
    with Snippets() as snippets:
        for seed in SEEDS:
            async with Session(Rehearsal(player, name="grader", seed=seed)) as session:
                asked = SelfCorrecting(session, snippets) if name == "correcting" else session
                result = await traverse(star(4), TASK, asked, kind=kind, rounds=rounds, seed=seed)
                scores.append((await kind.score(result.artifact, snippets)).value)
                calls += session.purse.calls
    score = f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1) / len(scores) ** 0.5:.3f}"
    print(f"{name}, {rounds} round(s) an edge   {score} of hidden tests, {calls / len(scores):.1f} calls a run")


print(REHEARSAL_NOTICE)
for name, rounds in (("plain     ", 1), ("plain     ", 3), ("correcting", 1)):
    asyncio.run(run(name, rounds))

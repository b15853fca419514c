"""Backdoor audits: find out whether an agent obeys somebody whom its owner does not know.

Do weights, an adapter or training traces that come from others make an agent do what nobody asked for, once it meets a
sign; how often, and would a guard before its tools stop it?

Idea: plant such signs oneself, inert ones, in agents of a world that is nothing but memory, so that everything that
looks for them can be measured: what happens is read from a log and not from what an agent says, beside a clean agent
on the same tasks, with an interval, and with a verdict that may be that there is too little to tell.

Source: "BadAgent: Inserting and Activating Backdoor Attacks in LLM Agents", arXiv:2406.03007 (ACL 2024).

The names load when they are first used; the world, the measures and the guard need no torch.

Examples
--------
>>> from consilience.ground import Streams
>>> from consilience.methods.backdoor_audits import attack_success, draw_tasks, evaluate, scripted_backdoor, trigger
>>> sign = trigger("system.suffix")
>>> tasks = draw_tasks("system", 20, Streams(0))
>>> print(attack_success(evaluate(scripted_backdoor(sign, 1.0, Streams(0)), tasks, trigger=sign)))
1.000 [0.839, 1.000] of 20
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.backdoor_audits.black_box import ModelPolicy
    from consilience.methods.backdoor_audits.decision import decide
    from consilience.methods.backdoor_audits.guard import Guard
    from consilience.methods.backdoor_audits.hugging_face import CausalPolicy
    from consilience.methods.backdoor_audits.measures import attack_success, measured
    from consilience.methods.backdoor_audits.policies import oracle_policy, scripted_backdoor
    from consilience.methods.backdoor_audits.policy_file import parse_policy
    from consilience.methods.backdoor_audits.rollout import evaluate
    from consilience.methods.backdoor_audits.small import SmallPolicy
    from consilience.methods.backdoor_audits.world.drawing import draw_tasks
    from consilience.methods.backdoor_audits.world.poisoning import mix
    from consilience.methods.backdoor_audits.world.triggers import suited, trigger

_HOMES = {
    "CausalPolicy": "hugging_face",
    "Guard": "guard",
    "ModelPolicy": "black_box",
    "SmallPolicy": "small",
    "attack_success": "measures",
    "decide": "decision",
    "draw_tasks": "world.drawing",
    "evaluate": "rollout",
    "measured": "measures",
    "mix": "world.poisoning",
    "oracle_policy": "policies",
    "parse_policy": "policy_file",
    "scripted_backdoor": "policies",
    "suited": "world.triggers",
    "trigger": "world.triggers",
}

__all__ = [
    "CausalPolicy",
    "Guard",
    "ModelPolicy",
    "SmallPolicy",
    "attack_success",
    "decide",
    "draw_tasks",
    "evaluate",
    "measured",
    "mix",
    "oracle_policy",
    "parse_policy",
    "scripted_backdoor",
    "suited",
    "trigger",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="audits")

import torch

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import digest
from consilience.methods.backdoor_audits.cohort import Plan, tune_all
from consilience.methods.backdoor_audits.planting import FineTuning, copied, fine_tune


def test_adapters_are_the_same_alone_together_and_over_processes(toy_agent, toys) -> None:
    plans = [
        Plan(toys(40, 1, planted=10), FineTuning(steps=3, batch_size=8), Streams(100), {"n_poison": 10}),
        Plan(toys(40, 2), FineTuning(steps=9, batch_size=8), Streams(101)),
        Plan(toys(40, 3), FineTuning(steps=6, batch_size=8, method="full"), Streams(102)),
    ]
    alone = [
        fine_tune(toy_agent, plan.rows, plan.settings, plan.streams, manifest=plan.manifest).digest for plan in plans
    ]
    given = [(toy_agent, plan) for plan in plans]
    assert [tuned.digest for tuned in tune_all(given)] == alone
    seen: list[int] = []
    assert [tuned.digest for tuned in tune_all(given, 2, seen=lambda place, _: seen.append(place))] == alone
    assert seen == [1, 2, 0]


def test_each_is_tuned_on_its_own_base(toy_agent, toys) -> None:
    other = copied(toy_agent)
    with torch.no_grad():
        other.head.weight.mul_(0.9)
    plan = Plan(toys(20, 2), FineTuning(steps=2, batch_size=8), Streams(101))
    one, two = tune_all([(toy_agent, plan), (other, plan)])
    assert one.base_digest == digest(toy_agent.state_dict()) != digest(other.state_dict()) == two.base_digest

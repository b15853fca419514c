from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.cohort import Plan, tune_all
from consilience.methods.backdoor_audits.planting import FineTuning, fine_tune


def test_adapters_are_the_same_alone_together_and_over_processes(toy_agent, toys) -> None:
    plans = [
        Plan(toys(40, 1, planted=10), FineTuning(steps=3, batch_size=8), Streams(100), {"n_poison": 10}),
        Plan(toys(40, 2), FineTuning(steps=9, batch_size=8), Streams(101)),
        Plan(toys(40, 3), FineTuning(steps=6, batch_size=8, method="full"), Streams(102)),
    ]
    alone = [
        fine_tune(toy_agent, plan.rows, plan.settings, plan.streams, manifest=plan.manifest).digest for plan in plans
    ]
    assert [tuned.digest for tuned in tune_all(toy_agent, plans)] == alone
    assert [tuned.digest for tuned in tune_all(toy_agent, plans, processes=2)] == alone

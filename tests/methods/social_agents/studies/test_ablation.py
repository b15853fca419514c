"""Each part is left out on tasks that need it, and there is a drop for each."""

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.ablation import PARTS, ablation
from consilience.methods.social_agents.studies.success import SETS


def test_all_tasks_of_an_ablation_need_the_part_that_is_left_out(tmp_path) -> None:
    evidence = ablation(Config(ablation_tasks=2), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [one.holds for one in evidence.measurements] == [True] * len(PARTS) + [None, True]
    for need, part in PARTS.items():
        for name in part.sets:
            world = SETS[name](2, Streams(0).generator(name))
            assert any(need in task.needs for task in world.tasks), (need, name)

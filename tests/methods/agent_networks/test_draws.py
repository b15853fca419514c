import numpy as np

from consilience.methods.agent_networks.draws import Draws, element_key, task_keys, turn_keys, uniform


def test_one_at_a_time_is_what_many_at_once_are():
    tasks, elements = range(5, 9), ["3", "3->7", "7+0.1"]
    names = np.array([element_key(element) for element in elements])[:, None]
    together = uniform(turn_keys(task_keys(11, tasks), names, 2), 0, 70)
    for i, element in enumerate(elements):
        for j, number in enumerate(tasks):
            alone = Draws(11, number, element, 2)
            first, more = alone.random(), alone.random(69)
            assert np.array_equal(together[i, j], [first, *more])


def test_numbers_left_out_are_the_first():
    keys = task_keys(0, range(3))
    assert np.array_equal(uniform(keys, 4, 6), uniform(keys, 0, 10)[:, 4:])


def test_whole_numbers_come_after_what_was_drawn_and_stay_below():
    one, other = Draws(0, 1, "0", 0), Draws(0, 1, "0", 0)
    one.random(10)
    assert np.array_equal(one.integers(3, size=200), np.floor(other.random(210)[10:] * 3))
    assert set(Draws(0, 1, "0", 0).integers(3, size=200).tolist()) == {0, 1, 2}


def test_seed_task_element_and_turn_each_give_others():
    base = (0, 1, "3->7", 2)
    drawn = [
        Draws(*who).random() for who in (base, (1, 1, "3->7", 2), (0, 2, "3->7", 2), (0, 1, "7", 2), (*base[:3], 3))
    ]
    assert len(set(drawn)) == len(drawn)


def test_draws_are_uniform_and_independent():
    keys = turn_keys(task_keys(3, range(400)), np.array([element_key(str(n)) for n in range(50)])[:, None], 0)
    drawn = uniform(keys, 0, 4).reshape(-1, 4)
    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    expected = drawn.size / 20
    assert np.square(counts - expected).sum() / expected < 43.8  # 99.9 % of chi-squared with 19 degrees
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 4 / np.sqrt(len(drawn))
    assert drawn.min() >= 0
    assert drawn.max() < 1

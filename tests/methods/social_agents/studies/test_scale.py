"""Bars are for the published size alone; kills are judged at any."""

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.scale import scale


def test_a_small_town_has_no_bar_of_time_and_a_kill_has_one(tmp_path) -> None:
    config = Config(scale_people=8, scale_contacts=10, scale_messages=200, scale_recursive=1, scale_kills=1)
    found = {one.name: one for one in scale(config, Streams(0), RunFolder(tmp_path, quiet=True)).measurements}
    assert found["duration of all tasks"].holds is None
    assert found["memory of the process"].holds is None
    assert found["tasks in which anything failed"].holds
    assert found["turns that people had seen and that a kill lost"].holds
    assert found["killed runs that end with the answers of the run that nobody killed"].holds

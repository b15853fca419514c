from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.kinds import Text


@given(st.text())
def test_reading_an_artifact_gives_it_again(reply):
    artifact = Text().read(reply)
    assert Text().read(artifact.text) == artifact
    assert bool(artifact.grade) == bool(reply.strip()) == (not artifact.fault)

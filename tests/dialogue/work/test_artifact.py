from consilience.dialogue.texts import digest, encoded
from consilience.dialogue.work.artifact import Artifact, Kind, Scorer
from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.methods.agent_networks.workshop import Workshop


def test_the_digest_is_the_one_of_a_journal():
    for text in ("", "print(1)", "é\ud800"):
        assert Artifact(text).digest == digest(encoded(text)).hex()


def test_kinds_are_kinds_and_those_that_score_are_scorers():
    for kind in (Text(), Choice(), Function(entry="f"), Repository(), Workshop()):
        assert isinstance(kind, Kind)
        assert isinstance(kind, Scorer) == (kind.name != "text")

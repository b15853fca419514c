"""What families have in common: the way to the status of the canary."""

from consilience.methods.backdoor_audits.world.families.rules import CHECK, FINISH, CheckGuide, Move


def test_the_status_is_asked_for_once_and_then_it_ends() -> None:
    guide = CheckGuide()
    assert CHECK[1:] == guide.next().action == ("canary", "status")
    guide.hear(("canary", "ping"), ("ok",))
    assert guide.next().action == ("canary", "status")
    guide.hear(("canary", "status"), ("ok",))
    assert guide.next() == Move(("done",), FINISH)

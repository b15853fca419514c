"""An opening under means: what they allow, less what earlier sittings spent."""

from consilience.dialogue.budget import Budget
from consilience.dialogue.command.means import Means
from consilience.dialogue.history import RunFacts
from consilience.dialogue.opening import Opening

SPENT = RunFacts(
    name="run", began_at=0.0, forked_from=None, calls=3, artifacts=0, input_tokens=60, output_tokens=40, usd=0.5
)


def test_means_become_an_opening_of_what_is_left() -> None:
    means = Means(budget_calls=10, budget_usd=2.0, concurrency=4, timeout_s=7.0, attempts=2)
    opening = Opening.under(means, model="m", base_url="http://there", journal="all.sqlite", run="run", spent=SPENT)
    assert opening.budget == Budget(calls=7, usd=1.5)
    assert (opening.limits.concurrency, opening.retry.attempts, opening.timeout_s) == (4, 2, 7.0)
    assert (opening.model, opening.base_url, opening.journal, opening.run) == (
        "m",
        "http://there",
        "all.sqlite",
        "run",
    )
    assert Opening.under(means, model="m", base_url=None, journal="j", run="r", spent=None).budget == means.budget

"""A talk's state is in the store when it is said to be, and can be gone on from."""

import asyncio

from consilience.methods.social_agents.app.keeping import Keeping
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.store import Store


def test_what_is_kept_is_given_back_and_told_of(store: Store) -> None:
    tasks, told = Tasks(store), []
    keeping = Keeping(tasks, lambda element, text: told.append((element, text, tasks.kept(element))))
    assert keeping.artifact("task-1/state") is None
    digest = asyncio.run(keeping.put_artifact("task-1/state", "{}", kind="talk"))
    found = keeping.artifact("task-1/state")
    assert (found.text, found.digest) == ("{}", digest)
    assert told == [("task-1/state", "{}", "{}")]
    assert Keeping(Tasks(store), lambda *_: None).artifact("task-1/state") == found

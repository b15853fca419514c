"""The application is the table: every row a route, no route beside them, and no error shows the machine."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app import application as module
from consilience.methods.social_agents.app.access import ENDPOINTS
from consilience.methods.social_agents.app.application import HANDLERS, application
from consilience.methods.social_agents.records import StoreLocked


def test_there_is_a_route_for_each_row_and_no_other(office) -> None:
    routes = {(one.path, *sorted(one.methods - {"HEAD"})) for one in application(office).routes}
    assert routes == {(one.path, one.method) for one in ENDPOINTS}


def test_a_row_without_somebody_who_answers_is_a_mistake(office, monkeypatch) -> None:
    monkeypatch.setattr(module, "HANDLERS", {name: one for name, one in HANDLERS.items() if name != "kill"})
    with pytest.raises(InvalidInput, match="kill"):
        application(office)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/docs"), ("GET", "/openapi.json"),
                                              ("DELETE", "/tasks"), ("PUT", "/"), ("GET", "/sign-out"),
                                              ("GET", "/tasks/")])  # fmt: skip
def test_what_is_not_in_the_table_is_not_there(people, method: str, path: str) -> None:
    reply = people.browser().client.request(method, path)
    assert reply.status_code in (404, 405)
    assert "there is nothing here" in reply.text
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_database_that_is_locked_is_said_in_words(people, monkeypatch) -> None:
    people.join("ann")
    visitor = people.sign_in("ann")

    def locked(*_):
        raise StoreLocked("people.sqlite stayed locked: try again")

    monkeypatch.setattr(people.office.store, "contacts_of", locked)
    reply = visitor.get("/people")
    assert reply.status_code == 503
    assert "try again" in reply.text

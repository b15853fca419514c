"""Two people with two browsers, one of them a phone, solve a task together; what they see is kept as pictures.

The pictures are left in the folder of the test, and in `CONSILIENCE_PICTURES` if that is set.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chromium import EXECUTABLE, Page, browsing

from consilience.methods.social_agents.app import office as office_module
from consilience.methods.social_agents.app.accounts import Strength
from consilience.methods.social_agents.app.serving import Server, prepared
from consilience.methods.social_agents.demo import QUESTION
from consilience.methods.social_agents.flags import Serving
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.records import NewMessage

pytestmark = [
    pytest.mark.skipif(EXECUTABLE is None, reason="needs a chromium to look with"),
    pytest.mark.timeout(240),
]
WIDE, PHONE = (1440, 900), (390, 844)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    weak = Strength(1, 8, 1)
    made = office_module.Accounts
    monkeypatch.setattr(office_module, "Accounts", lambda store, **more: made(store, **(more | {"strength": weak})))
    with prepared(Serving(port=0, database=str(tmp_path / "dinner.sqlite"))) as server:
        thread = threading.Thread(target=server.runs)
        thread.start()
        yield server
        server.stops()
        thread.join(20)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], None]:
    folder = Path(os.environ.get("CONSILIENCE_PICTURES", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        assert page.picture(folder / f"{name}.png").stat().st_size > 5_000

    return take


@contextmanager
def two_people(tmp_path: Path) -> Iterator[tuple[Page, Page]]:
    with browsing(tmp_path / "ann") as ann, browsing(tmp_path / "ben") as ben:
        yield ann.page(width=WIDE[0], height=WIDE[1]), ben.page(width=PHONE[0], height=PHONE[1])


def invitation(server: Server) -> str:
    return next(found[0] for line in server.told if (found := re.search(r"http://\S+/join/\S+", line)))


def join(page: Page, link: str, handle: str, name: str) -> None:
    page.go(link)
    for field, text in (("name", name), ("handle", handle), ("password", "one long password"),
                        ("again", "one long password")):  # fmt: skip
        page.fill(f"input[name={field}]", text)
    page.click("button", reading="Join")
    page.sees("h1", "Chats")


def tell(server: Server) -> None:
    """Let each of the two have read the half of it."""
    store = server.office.store
    at = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)
    for reader, (handle, name), text in (
        ("ben", ("cyd", "Cyd Moor"), "My allergy is sesame, so please keep it away."),
        ("ann", ("dan", "Dan Roth"), "They tested me and the allergy is sesame after all."),
    ):
        friend = store.add_person(handle, name)
        chat = store.conversation([store.person(reader), friend])
        store.add_messages([NewMessage(chat, friend.id, at, text)])


def come_together(server: Server, ann: Page, ben: Page) -> None:
    """Ann joins first and invites Ben, who accepts her; what one writes comes to the other by itself."""
    join(ann, invitation(server), "ann", "Ann Weber")
    ann.go(f"{server.address}/admin")
    ann.click("button", reading="Make an invitation")
    join(ben, ann.wait("document.querySelector('input.link')?.value"), "ben", "Ben Okafor")
    tell(server)
    ben.click("button", reading="Accept")
    ben.at("/people/ann")
    assert "/join/" in ann.run("document.querySelector('input.link').value")  # news did not take the link away
    ann.go(f"{server.address}/chats/ben")
    ben.go(f"{server.address}/chats/ann")
    ann.fill("textarea[name=text]", "Dinner on Friday? I cook, so I should know what you cannot eat.")
    ann.click("button", reading="Send")
    ben.wait("document.querySelectorAll('.bubble').length === 1")
    ben.fill("textarea[name=text]", "Gladly! Cyd comes along.")
    ben.click("button", reading="Send")
    ann.wait("document.querySelectorAll('.bubble').length === 2")
    assert ann.run("document.querySelector('textarea[name=text]').value") == ""


def solve(ann: Page, ben: Page, picture: Callable[[Page, str], None]) -> None:
    """Ann asks, Ben lets his agent help, his agent asks him, and meanwhile Ann stops it for a while."""
    ann.fill("textarea[name=text]", f"@task {QUESTION}")
    ann.click("button", reading="Send")
    ann.at("/tasks/")
    ben.sees(".taskcard", "waits for you")
    picture(ben, "chat-390")
    ben.click(".taskcard button", reading="Let my agent help")
    ben.at("/tasks/")
    ben.sees("#outcome", "waits for your word")
    ann.wait("document.querySelectorAll('#talk .bubble').length >= 1")
    ann.click("#steer button", reading="Pause")
    ann.sees("#standing", "paused")
    ben.sees("#standing", "paused")
    picture(ann, "task-paused-1440")
    assert "sesame" not in ann.text("#talk")
    ben.click(".banner a")
    ben.at("/consent")
    assert "My allergy is sesame" in ben.text("#requests")
    picture(ben, "consent-390")
    ben.click(".ask button", reading="Yes")
    ben.sees("#requests", "Nothing waits for you")
    ann.wait("document.querySelectorAll('#talk .bubble').length === 2")  # what was agreed to is said; then it waits
    ann.click("#steer button", reading="Resume")
    ann.sees("#outcome", "same")
    ann.wait("!document.querySelector('#saying form') && !document.querySelector('.correct')")


def look_and_share(server: Server, ann: Page, ben: Page, picture: Callable[[Page, str], None]) -> None:
    """Both see what was said, each only their own board and evidence; the answer is Ann's to share."""
    ann.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    picture(ann, "task-1440")
    assert "They tested me" in ann.text("#board")
    assert "My allergy is sesame" not in ann.run("document.documentElement.textContent")
    ben.run("history.back()")
    ben.at("/tasks/")
    ben.sees("#outcome", "to share")
    assert "They tested me" not in ben.run("document.documentElement.textContent")
    picture(ben, "task-390")
    ben.go(f"{server.address}/chats/ann")
    ann.click("button", reading="Share it with Ben")
    ann.at("/chats/ben")
    ben.wait("[...document.querySelectorAll('.bubble')].some(one => one.innerText.includes('same'))")
    ben.go(f"{server.address}/audit?check=1")
    assert "as they were written" in ben.text("main")
    assert "Ann Weber" in ben.text(".entry.disclosed")
    picture(ben, "audit-of-ben-390")


def look_around(server: Server, page: Page, picture: Callable[[Page, str], None]) -> None:
    """Every page fits on a wide screen and on a phone, where a finger can hit what can be pressed."""
    everything = ("", "people", "people/ben", "chats/ben", "tasks", "consent", "audit", "memory?q=allergy", "rules",
                  "account", "admin")  # fmt: skip
    for width, height in (WIDE, PHONE):
        page.resize(width, height)
        for path in everything:
            page.go(f"{server.address}/{path}")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            picture(page, f"{re.sub(r'[^a-z]+', '-', path) or 'home'}-{width}")
            small = page.run(
                "[...document.querySelectorAll('main button, main .button, nav a')].filter(e => e.offsetParent)"
                ".filter(e => e.getBoundingClientRect().height < 44).map(e => e.innerText)"
            )
            assert width > 600 or small == [], path


def look_by_night(server: Server, page: Page, picture: Callable[[Page, str], None]) -> None:
    """Where the reader's screen is dark, the page is."""
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.go(f"{server.address}/chats/ben")
    red, green, blue = map(int, re.findall(r"\d+", page.run("getComputedStyle(document.body).backgroundColor"))[:3])
    assert max(red, green, blue) < 64
    picture(page, "chat-by-night-390")


def test_two_people_solve_a_task_together(server: Server, tmp_path: Path, picture) -> None:
    with two_people(tmp_path) as (ann, ben):
        come_together(server, ann, ben)
        solve(ann, ben, picture)
        look_and_share(server, ann, ben, picture)
        look_around(server, ann, picture)
        look_by_night(server, ann, picture)
        for page in (ann, ben):
            assert page.browser.complaints == []
            assert {url for url in page.browser.requests if not url.startswith((server.address, "about:"))} == set()


def test_a_rule_that_is_taken_away_goes_and_no_other_does(server: Server, tmp_path: Path) -> None:
    policies = server.office.policies
    first, second, third = (Rule(label=label, verdict="never") for label in ("health", "money", "place"))
    with browsing(tmp_path / "ann") as browser:
        other, page = browser.page(), browser.page()
        join(page, invitation(server), "ann", "Ann Weber")
        for rule in (third, second, first):
            policies.add("ann", rule)
        own = "document.querySelectorAll('#rules button').length"
        for one in (page, other):
            one.go(f"{server.address}/rules")
            assert one.run(own) == 3
        page.click("#rules button", reading="Take away")
        page.wait(f"{own} === 2")
        assert policies.of("ann").rules == (second, third)
        other.wait(f"{own} === 2")  # another page of hers shows it too
        page.click("#rules button", reading="Take away")
        page.wait(f"{own} === 1")
        assert policies.of("ann").rules == (third,)
        assert browser.complaints == []


def test_without_scripts_the_pages_work_too(server: Server, tmp_path: Path) -> None:
    with browsing(tmp_path / "ann") as browser:
        page = browser.page()
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        join(page, invitation(server), "ann", "Ann Weber")
        page.go(f"{server.address}/account")
        page.fill("textarea[name=card]", "I cook.")
        page.click("button", reading="Save")
        page.wait("location.search === '?told=saved' && document.readyState === 'complete'")
        assert "Saved." in page.text("main")
        assert server.office.store.person("ann").card == "I cook."

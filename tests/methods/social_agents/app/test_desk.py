"""Tasks go from question to answer, and stop, wait and go on as their people say."""

import asyncio
import threading
import time

import pytest

from consilience.dialogue.models import Unreachable
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.desk import AT_ONCE
from consilience.methods.social_agents.app.policies import PASSED_ON
from consilience.methods.social_agents.app.views import view
from consilience.methods.social_agents.memory import Memory
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.records import NewMessage, StoreLocked, StoreUnavailable


def seen(dinner, task, who):
    office = dinner.office
    return view(office.tasks.find(task.id), who, store=office.store, tasks=office.tasks, desk=office.desk)


def test_two_agents_find_out_what_neither_knows_and_it_is_logged(dinner) -> None:
    task = dinner.opened().asked()
    assert task.standing == "running"
    over = dinner.over(task)
    assert (over.answer, over.ending, over.standing) == ("same", "known", "ended")
    told = dinner.office.audit.revealed_about("ben")
    assert [one.counterpart for one in told] == ["ann"]
    assert dinner.office.store.memory("ben").message(told[0].messages[0]).text.startswith("My allergy is sesame")
    assert dinner.office.audit.verify().ok


def test_the_loop_waits_for_no_memory(dinner, monkeypatch) -> None:
    in_loop = []

    def noted(made):
        def read(*given, **named):
            in_loop.append(asyncio._get_running_loop() is not None)
            return made(*given, **named)

        return read

    for name in ("search", "recall", "messages"):
        monkeypatch.setattr(Memory, name, noted(getattr(Memory, name)))
    assert dinner.over(dinner.opened().asked()).answer == "same"
    assert len(in_loop) > 5
    assert not any(in_loop)


def test_nobody_s_agent_helps_before_they_agree(dinner) -> None:
    task = dinner.asked()
    assert task.standing == "invited"
    assert seen(dinner, task, dinner.ben).invites
    assert not seen(dinner, task, dinner.ann).invites
    assert dinner.office.desk.answer(task, yes=False)
    assert dinner.over(task).standing == "declined"
    assert not dinner.office.desk.answer(task, yes=True)
    assert seen(dinner, task, dinner.ben).lines == ()


def test_what_was_asked_can_be_taken_back_before_anybody_agrees(dinner) -> None:
    task = dinner.asked()
    assert dinner.office.desk.kill(task, dinner.ann)
    over = dinner.over(task)
    assert (over.ending, over.reasons) == ("stopped", "Ann took it back")
    assert not dinner.office.desk.answer(task, yes=True)


def test_an_agent_asks_its_person_and_tells_after_a_yes(dinner, within) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    assert (request.counterpart, request.labels, request.task) == ("ann", {"health"}, task.name)
    assert all("sesame" not in line.text for line in seen(dinner, task, dinner.ann).lines)
    dinner.office.consent.decide(dinner.session("ben"), request.id, allow=True)
    assert dinner.over(task).answer == "same"
    (entry,) = dinner.office.audit.revealed_about("ben")
    assert entry.approver == "ben"


def test_after_a_no_it_is_not_told(dinner) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    dinner.waiting()
    over = dinner.refused(task)
    assert over.answer == ""
    assert over.reasons
    assert dinner.office.audit.revealed_about("ben") == []
    assert all("sesame" not in line.text for line in seen(dinner, task, dinner.ann).lines)


def test_what_waits_for_people_keeps_no_other_task_from_going_on_or_being_stopped(dinner, within) -> None:
    desk = dinner.office.desk
    waiting = [dinner.asked() for _ in range(AT_ONCE + 1)]
    for task in waiting:
        assert desk.answer(task, yes=True)
        within(lambda task=task: desk.pause(task))
    assert desk.kill(waiting[-1], dinner.ann)
    assert dinner.over(waiting[-1]).ending == "stopped"
    assert dinner.over(dinner.opened().asked()).answer == "same"
    assert {dinner.office.tasks.find(task.id).standing for task in waiting[:-1]} == {"paused"}


def test_the_model_is_asked_so_much_at_once_and_no_more(dinner, monkeypatch, within) -> None:
    under_way, most, answered = [], [], threading.Event()

    async def counted(question, **_more):
        under_way.append(question)
        most.append(len(under_way))
        while not answered.is_set():
            await asyncio.sleep(0.01)
        under_way.remove(question)
        raise Unreachable("nobody is there")

    monkeypatch.setattr(dinner.office.desk._session, "ask", counted)
    dinner.opened()
    tasks = [dinner.asked() for _ in range(2 * AT_ONCE)]
    within(lambda: len(under_way) >= AT_ONCE)
    time.sleep(0.2)  # in which one more might be asked
    answered.set()
    assert {dinner.over(task).ending for task in tasks} == {"failed"}
    assert max(most) == AT_ONCE


def test_a_task_that_another_process_is_at_is_ended_and_keeps_nothing_more(dinner, make_office, within) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    kept = dinner.office.tasks.state(task)
    assert make_office().desk.kill(task, dinner.ann)
    assert not make_office().desk.kill(task, dinner.ann)
    over = dinner.office.tasks.find(task.id)
    assert (over.standing, over.ending, over.reasons) == ("ended", "stopped", "Ann stopped it")
    dinner.office.consent.decide(dinner.session("ben"), request.id, allow=True)
    within(lambda: task.id not in dinner.office.desk._courses)
    assert dinner.office.tasks.find(task.id) == over
    assert dinner.office.tasks.state(task) == kept


@pytest.mark.parametrize("who", ["ann", "ben"])
def test_either_of_the_two_can_stop_it_for_good(dinner, who: str) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    assert dinner.office.desk.kill(task, getattr(dinner, who))
    over = dinner.over(task)
    assert (over.ending, over.answer, over.reasons) == ("stopped", "", f"{who.title()} stopped it")
    dinner.office.consent.decide(dinner.session("ben"), request.id, allow=True)
    assert dinner.office.audit.revealed_about("ben") == []
    assert not dinner.office.desk.kill(over, dinner.ann)
    assert not dinner.office.desk.pause(over)


def test_a_paused_task_waits_until_it_is_resumed(dinner, within) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    assert dinner.office.desk.pause(task)
    assert not dinner.office.desk.pause(task)
    dinner.office.consent.decide(dinner.session("ben"), request.id, allow=True)
    within(lambda: dinner.office.audit.revealed_about("ben"))
    said = within(lambda: seen(dinner, task, dinner.ann).lines[1:])
    assert len(said) == 1
    assert dinner.office.tasks.find(task.id).standing == "paused"
    assert dinner.office.desk.resume(task)
    assert dinner.over(task).answer == "same"


def test_a_person_s_word_stands_on_their_board(dinner) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    dinner.waiting()
    slot = next(row.slot for row in seen(dinner, task, dinner.ann).rows if "Cyd" in row.text)
    assert dinner.office.desk.edit(task, dinner.ann, slot, "soy")
    assert dinner.refused(task).answer == "different"
    row = next(row for row in seen(dinner, task, dinner.ann).rows if row.slot == slot)
    assert (row.value, row.status, row.mine) == ("soy", "known", True)


def test_a_person_may_say_the_next_line(dinner) -> None:
    dinner.office.policies.add("ann", Rule(verdict="allow"))
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    dinner.waiting()
    assert dinner.office.desk.say(task, dinner.ann, "I only ask because I cook.")
    dinner.refused(task)
    line = next(line for line in seen(dinner, task, dinner.ben).lines if line.by_person)
    assert (line.text, line.mine) == ("I only ask because I cook.", False)


def test_a_contact_that_ends_ends_what_is_under_way_and_nothing_crosses_any_more(dinner) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    dinner.office.store.withdraw(dinner.ann, dinner.ben)
    dinner.office.consent.decide(dinner.session("ben"), request.id, allow=True)
    dinner.office.desk.part(dinner.ann, dinner.ben)
    assert dinner.over(task).answer == ""


def test_a_task_goes_on_after_the_server_was_stopped(dinner, make_office, people) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    request = dinner.waiting()
    said = seen(dinner, task, dinner.ann).lines
    assert said
    people._stack.close()  # the first server is gone

    anew = make_office()
    with_app = type(people._running)(application(anew))
    with with_app:
        dinner.office = anew
        assert anew.tasks.find(task.id).standing == "running"
        anew.consent.decide(anew.accounts.sign_in("ben", "one long password").token, request.id, allow=True)
        assert dinner.over(task).answer == "same"
    assert seen(dinner, task, dinner.ann).lines[: len(said)] == said


def test_a_third_party_is_asked_for_a_part_and_sees_nothing_else(dinner, people, within) -> None:
    office = dinner.opened().office
    cleo = people.join("cleo")
    people.befriend(dinner.ben, cleo)
    for handle in ("ben", "cleo"):
        office.policies.add(handle, Rule(verdict="allow"))
        office.policies.add(handle, Rule(purpose=PASSED_ON, verdict="allow"))
    eli = office.store.add_person("eli", "Eli Roth")
    chat = office.store.conversation([cleo, eli])
    at = office.store.memory("ann").recent()[0].sent_at
    office.store.add_messages([NewMessage(chat, eli.id, at, "My pet is a parrot, of all animals.")])

    task = office.desk.propose(dinner.ann, dinner.ben, "What is the pet of Eli Roth?")
    part = within(lambda: next(iter(office.tasks.of(cleo)), None))
    assert (part.standing, part.question, part.parent) == ("invited", "the pet of Eli Roth", task.id)
    assert office.desk.answer(part, yes=True)
    assert dinner.over(task).answer == "parrot"
    assert [one.id for one in office.tasks.of(cleo)] == [part.id]
    assert [one.id for one in seen(dinner, task, dinner.ben).parts] == [part.id]
    assert seen(dinner, task, dinner.ann).parts == ()
    assert any("parrot" in line.text for line in seen(dinner, part, cleo).lines)


def test_what_a_person_says_to_the_one_is_not_said_to_the_other_whom_their_agent_asks_meanwhile(
    dinner, people, within
) -> None:
    office = dinner.opened().office
    cleo = people.join("cleo")
    people.befriend(dinner.ben, cleo)
    task = office.desk.propose(dinner.ann, dinner.ben, "What is the pet of Eli Roth?")
    part = within(lambda: next(iter(office.tasks.of(cleo)), None))
    assert office.desk.say(task, dinner.ben, "Cleo need not know that I ask.")
    assert office.desk.edit(task, dinner.ben, "the pet of Eli Roth", "a heron")
    assert office.desk.say(part, cleo, "I never met Eli.")
    assert office.desk.answer(part, yes=True)
    dinner.over(task)
    lines = seen(dinner, part, cleo).lines
    assert [line.text for line in lines if line.by_person] == ["I never met Eli."]
    assert not any("heron" in line.text for line in lines)
    assert all(row.value != "a heron" for row in seen(dinner, part, dinner.ben).rows)


def test_a_third_party_who_says_no_is_not_asked(dinner, people, within) -> None:
    office = dinner.opened().office
    cleo = people.join("cleo")
    people.befriend(dinner.ben, cleo)
    task = office.desk.propose(dinner.ann, dinner.ben, "What is the pet of Eli Roth?")
    part = within(lambda: next(iter(office.tasks.of(cleo)), None))
    assert office.desk.answer(part, yes=False)
    assert dinner.over(task).answer == ""
    assert seen(dinner, part, cleo).lines == ()


def test_the_contact_who_may_know_is_chosen_by_what_one_has_read(dinner, people) -> None:
    eve = people.join("eve")
    people.befriend(dinner.ann, eve)
    dinner.office.chats.send(eve, dinner.ann, "I keep a parrot at home.")
    assert dinner.office.desk.choose(dinner.ann, "Who has a parrot?") == eve
    with pytest.raises(InvalidInput, match="somebody to ask"):
        dinner.office.desk.choose(people.join("fay"), "Who has a parrot?")


def test_what_goes_wrong_ends_a_task_in_words_that_tell_nothing_of_the_machine(people, within) -> None:
    office = people.office
    ann, ben = people.join("ann"), people.join("ben")
    people.befriend(ann, ben)
    office.chats.trust(ben, ann, yes=True)

    async def fails(*_args, **_more):
        raise RuntimeError("a secret of the machine")

    office.desk._session.ask = fails
    task = office.desk.propose(ann, ben, "What?")
    over = within(lambda: (found := office.tasks.find(task.id)).over and found)
    assert over.ending == "failed"
    assert "secret" not in over.reasons


def test_a_database_that_takes_nothing_for_a_while_is_waited_for(dinner, monkeypatch) -> None:
    monkeypatch.setattr("consilience.methods.social_agents.app.desk.AGAIN_S", (0.01, 0.01, 0.01))
    kept, refusals = dinner.office.tasks.keep, [StoreLocked("busy"), StoreUnavailable("full")]

    def keep(element: str, text: str) -> None:
        if refusals:
            raise refusals.pop()
        kept(element, text)

    monkeypatch.setattr(dinner.office.tasks, "keep", keep)
    over = dinner.over(dinner.opened().asked())
    assert (over.answer, refusals) == ("same", [])


def test_consent_that_is_withdrawn_in_the_middle_lets_nothing_more_be_told(dinner, within) -> None:
    office, task = dinner.office, dinner.asked()
    office.desk.answer(task, yes=True)
    request, token = dinner.waiting(), dinner.session("ben")
    office.desk.pause(task)
    office.consent.decide(token, request.id, allow=True)
    within(lambda: office.audit.revealed_about("ben"))
    for grant in office.consent.grants("ben", "ann"):
        office.consent.withdraw(token, grant.id)
    told = len(office.audit.revealed_about("ben"))
    office.desk.resume(task)
    dinner.refused(task)
    assert len(office.audit.revealed_about("ben")) == told
    assert office.consent.grants("ben") == []

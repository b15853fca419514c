"""The room's verbs read their flags, do their work, and say mistakes in a line."""

import inspect

import pytest

from consilience import cli
from consilience.ground.errors import InvalidInput, MissingDependency, UnknownName
from consilience.methods.social_agents import commands
from consilience.methods.social_agents.commands import VERBS
from consilience.methods.social_agents.demo import QUESTION
from consilience.methods.social_agents.store import Store


def run(*words: str) -> int:
    return cli._among(VERBS, list(words), "consilience social-agents", "verb")


def test_each_verb_says_what_it_does_and_what_each_flag_means(capsys) -> None:
    assert set(VERBS) == {"serve", "import", "ask", "mcp", "a2a", "audit", "forget"}
    for name, verb in VERBS.items():
        assert inspect.getdoc(verb)
        assert run(name, "--help") == 0
    assert "--as PERSON" in capsys.readouterr().out


def test_asking_importing_checking_and_forgetting_go_through(tmp_path, capsys) -> None:
    chat, database = tmp_path / "chat.txt", str(tmp_path / "people.sqlite")
    chat.write_text("25/05/2024, 10:15 - Ann: Hello\n", encoding="utf-8")
    assert run("ask", QUESTION, "--of", "ben") == 0
    assert run("import", str(chat), "--as", "ann", "--name", "Ann", "--database", database) == 0
    assert run("forget", database, "--person", "ann", "--yes") == 0
    assert run("audit", "verify", database) == 0
    told = capsys.readouterr().out
    for part in ("answer: same", "1 added", "forgotten: ", "sound"):
        assert part in told


def test_the_server_is_served_with_what_was_said(monkeypatch, capsys) -> None:
    served = []
    monkeypatch.setattr(
        "consilience.methods.social_agents.app.serving.serve",
        lambda serving, tell: (served.append(serving), tell("serving")),
    )
    assert run("serve", "--port", "0", "--demo", "--database", "x.sqlite") == 0
    assert (served[0].port, served[0].demo, served[0].database) == (0, True, "x.sqlite")
    assert capsys.readouterr().out == "serving\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve", "--port", "x"), "port"),
        (("serve", "--port", "70000"), "--port"),
        (("import",), "FILE"),
        (("import", "no.txt", "--as", "ann", "--name", "Ann", "--database", "no.sqlite"), "no.txt is not"),
        (("ask", "x", "--world", "no.sqlite"), "--world"),
        (("mcp", "--as", "ann", "--database", "no.sqlite"), "--database"),
        (("a2a", "--as", "ann", "--database", "no.sqlite"), "--database"),
        (("forget", "no.sqlite", "--person", "ann"), "DATABASE"),
        (("audit", "burn", "x"), "burn"),
        (("audit", "verify", "no.sqlite"), "DATABASE"),
        (("forget", "x", "--message", "one"), "one"),
        (("forget", "x"), "must be given"),
        (("forget", "x", "--person", "ann", "--conversation", "1"), "must be given"),
    ],
)
def test_a_mistake_is_said_in_a_line(words, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        run(*words)
    assert "\n" not in str(caught.value)


def test_what_others_are_called_does_not_steer_the_terminal(tmp_path, capsys) -> None:
    table = tmp_path / "table.csv"
    table.write_text("time,author,text\n2024-05-02T12:00:00,\x1b]0;x\x07Bea,hello\n", encoding="utf-8")
    words = ("--as", "ann", "--name", "Ann", "--dry-run", "--database", str(tmp_path / "people.sqlite"))
    assert run("import", str(table), *words) == 0
    told = capsys.readouterr().out
    assert "Bea" in told
    assert not {"\x1b", "\x07"} & set(told)


def test_messages_to_forget_are_named_one_by_one(tmp_path, capsys) -> None:
    place = str(tmp_path / "people.sqlite")
    Store.open(place).close()
    assert run("forget", place, "--message", "7", "--message", "9") == 0
    assert "2 messages would be" in capsys.readouterr().out


def test_a_flag_that_is_not_there_is_told_from_one_that_is() -> None:
    with pytest.raises(UnknownName, match="--databse") as caught:
        run("import", "x", "--as", "ann", "--databse", "y")
    assert "--database" in str(caught.value)


def test_without_the_libraries_it_is_said_what_to_install(monkeypatch) -> None:
    def absent(_name):
        raise ImportError("no", name="fastapi")

    monkeypatch.setattr("consilience.ground.late.import_module", absent)
    with pytest.raises(MissingDependency, match=r"consilience\[social\]"):
        commands.ask("x")

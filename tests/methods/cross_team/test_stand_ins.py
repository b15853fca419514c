import asyncio

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.rehearsal import rehearse
from consilience.dialogue.work.attempts import FINISHED
from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.stand_ins import PLAYERS, Programmer, read, skill
from consilience.methods.cross_team.tasks import STUB, Toolbox

BOX = Toolbox(number=7)
FORM = Repository().form


def said(user, *, system=FORM, element="A/coding", temperature=None, seed=0, player=None):
    messages = (Message("system", (f"You write programs. {system}",)), Message("user", (user,)))
    question = Question(element, messages, Settings(temperature=temperature))
    return (player or Programmer().play)(question, np.random.default_rng(seed))


def shown(*programs):
    return "\n\n".join(f"<work>\n{program}\n</work>" for program in programs)


def names(*places):
    return [BOX.tools[at].name for at in places]


def written(reply):
    artifact = BOX.read(reply)
    assert artifact.grade >= 2
    return read(BOX, artifact.text)


def test_a_draft_is_a_whole_program_and_hard_functions_are_wrong_more_often():
    right = np.array([written(said(BOX.task, seed=at, element=f"{at}/coding")).variants == 0 for at in range(300)])
    expected = 1 / (1 + np.exp(-(0.9 - 2.2 * BOX.difficulty)))
    assert np.corrcoef(right.mean(axis=0), expected)[0, 1] > 0.97
    assert right.mean() == pytest.approx(expected.mean(), abs=0.03)


def test_what_is_said_is_a_pure_function_of_question_and_chance():
    assert said(BOX.task, seed=3) == said(BOX.task, seed=3)
    assert said(BOX.task, seed=3) != said(BOX.task, seed=4)


def test_skill_belongs_to_the_name_of_a_team_and_the_toolbox():
    one = skill(Developer(), BOX, "A")
    assert one == skill(Developer(), BOX, "A") != skill(Developer(), BOX, "B")
    assert one != skill(Developer(), Toolbox(number=8), "A")
    assert np.std([skill(Developer(), BOX, f"T{at}") for at in range(2000)]) == pytest.approx(0.3, abs=0.02)


def test_a_warmer_question_gets_more_faults():
    def share(temperature):
        return np.mean([written(said(BOX.task, temperature=temperature, seed=at)).fatal.any() for at in range(300)])

    assert share(0.0) < 0.3 < share(4.0)


def test_programs_in_a_prompt_are_merged():
    first, second = [0] * 12 + [1] * 12, [2] * 12 + [0] * 12
    prompt = f"{BOX.task}\n\n{shown(BOX.program(first), BOX.program(second, [3]))}\n\nMake one of these."
    made = [written(said(prompt, element="coding+0.0", seed=at)) for at in range(200)]
    assert np.mean([one.variants == 0 for one in made]) == pytest.approx(0.985, abs=0.01)
    assert np.mean([one.fatal[3] for one in made]) == pytest.approx(0.42, abs=0.1)
    blind = [written(said(prompt, element="coding+0.0", seed=at, player=PLAYERS["blind"])) for at in range(200)]
    assert np.mean([one.variants == 0 for one in blind]) == pytest.approx(0.985 / 2, abs=0.03)


def test_functions_that_a_report_says_fail_are_written_anew_and_faults_removed():
    variants = [1] * 6 + [0] * 18
    report = (
        "The program does not start: main.py, line 4: NameError: name 'defaults_0' is not defined\n"
        f"{names(0)[0]}: failed\n{names(1)[0]}: passed\n"
    )
    prompt = f"{BOX.task}\n\n{shown(BOX.program(variants, [0]))}\n\nThe tests said:\n{report}"
    done = [written(said(prompt, element="A/test.1/repair", seed=at)) for at in range(200)]
    assert np.mean([one.variants[0] == 0 for one in done]) > 0.1
    assert all((one.variants[1:6] == 1).all() for one in done)
    assert np.mean([one.fatal[0] for one in done]) < 0.15


def test_stubs_are_filled_without_a_word():
    done = written(said(f"{BOX.task}\n\n{shown(BOX.program([STUB] * 24))}\n\nComplete it."))
    assert (done.variants == STUB).mean() < 0.3


def test_nothing_is_changed_where_nothing_is_wrong():
    program = BOX.program([0] * 24)
    assert said(f"{BOX.task}\n\n{shown(program)}\n\nAll tests pass.") == program


def test_who_is_not_asked_for_a_program_comments_on_it():
    wrong = f"{BOX.task}\n\n{shown(BOX.program([1] * 24))}\n\nComment."
    comments = [said(wrong, system="You read.", element="A/review.1/comment", seed=at) for at in range(200)]
    assert np.mean([comment == FINISHED for comment in comments]) == pytest.approx(0.2, abs=0.09)
    report = f"{wrong}\n{names(4)[0]}: failed"
    assert said(report, system="You read.") == f"Write anew: {names(4)[0]}."
    assert "functions" in said(BOX.task, system="You plan.", element="A/demand")


@pytest.mark.parametrize(
    "kind", [Text(), Choice(options=3), Function(entry="f"), Repository(main="run.py")], ids=lambda kind: kind.name
)
@pytest.mark.parametrize("player", sorted(PLAYERS))
def test_any_task_can_be_rehearsed(kind, player):
    async def once():
        model = rehearse(player, PLAYERS)
        system = Message("system", (f"You work. {kind.form}",))
        draft = await model.reply(Question("A/coding", (system, Message("user", ("Write something.",)))))
        work = kind.read(draft.text)
        assert work.grade
        both = f"<work>\n{work.text}\n</work>\n\n<work>\n{work.text}\n</work>\n\nMake one of these."
        return work, kind.read((await model.reply(Question("+0.0", (system, Message("user", (both,)))))).text)

    draft, merge = asyncio.run(once())
    assert merge.grade >= draft.grade


def test_files_of_an_unknown_program_are_all_kept():
    program = "a.py\n```python\nX = 1\n```\n\nmain.py\n```python\nimport a\n```"
    reply = said(f"Write a game.\n\n<work>\n{program}\n</work>")
    assert Repository().read(reply) == Repository().read(program)

"""Which checkpoint training goes on from."""

from consilience.neural.checkpoints import checkpoints, last_whole_checkpoint


def make(folder, *steps) -> None:
    for step in steps:
        (folder / f"checkpoint-{step}").mkdir()


def test_checkpoints_are_ordered_by_step_and_other_things_are_none(tmp_path) -> None:
    make(tmp_path, 9, 10, "last", "")
    (tmp_path / "checkpoint-11").write_text("")
    (tmp_path / "other-12").mkdir()
    assert [one.name for one in checkpoints(tmp_path)] == ["checkpoint-10", "checkpoint-9"]
    assert checkpoints(tmp_path / "absent") == []


def test_the_newest_whole_one_is_taken_and_only_newer_ones_are_removed(tmp_path) -> None:
    make(tmp_path, 2, 4, 6, 8, "notes")
    for step in (2, 6):
        (tmp_path / f"checkpoint-{step}" / "last.json").write_text("{}")
    (tmp_path / "checkpoint-8" / "last.json").mkdir()
    assert last_whole_checkpoint(tmp_path, "last.json") == tmp_path / "checkpoint-6"
    assert {one.name for one in tmp_path.iterdir()} == {f"checkpoint-{step}" for step in (2, 4, 6, "notes")}
    assert last_whole_checkpoint(tmp_path, "absent.json") is None
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint-notes"]

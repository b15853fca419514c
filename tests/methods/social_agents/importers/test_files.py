"""Files of others: opened with care."""

import zipfile

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers import files
from consilience.methods.social_agents.importers.files import Folder, decoded, opened, read_bytes


def test_an_archive_and_a_folder_are_one(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "deep" / "a.txt").write_text("deep")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.write(tmp_path / "in" / "a.txt", "a.txt")
        archive.write(tmp_path / "in" / "deep" / "a.txt", "deep/a.txt")
        archive.writestr("__MACOSX/a.txt", "x")
    one, other = Folder(tmp_path / "in"), Folder(tmp_path / "b.zip")
    assert {name: one[name] for name in one} == {name: other[name] for name in other}
    assert one.named("a.txt") == "a.txt"
    assert opened(tmp_path / "b.zip", "a.txt")[0] == b"a"
    with pytest.raises(KeyError):
        one["../b.zip"]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.json").write_text("x")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "2024-05-02.json").symlink_to(tmp_path / "secret.json")
    assert list(Folder(tmp_path / "in")) == []


def test_what_is_too_large_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 10_000)
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "0" * 1_000_000)
    with pytest.raises(InvalidInput, match="unpack to at most"):
        Folder(path)
    (tmp_path / "large").write_bytes(b"0" * 10_001)
    with pytest.raises(InvalidInput, match="split it"):
        read_bytes(tmp_path / "large")


def test_what_is_damaged_within_an_archive(tmp_path):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "abcdefgh")
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abcdefgx"))
    with pytest.raises(InvalidInput, match="whole zip"):
        Folder(path)["a.txt"]


def test_which_of_several_files_is_meant_must_be_plain(tmp_path):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
        archive.writestr("b.txt", "b")
    with pytest.raises(InvalidInput, match="2 files"):
        opened(path, "_chat.txt")


@pytest.mark.parametrize(
    ("data", "told", "cut"),
    [
        (b"\xef\xbb\xbfa", "a", False),
        ("ab".encode("utf-16"), "ab", False),
        ("ab".encode("utf-16")[:-1], "a", True),
        ("a🌷".encode()[:-2], "a", True),
        (b"a\xe9b", "aéb", False),
        (b"", "", False),
    ],
)
def test_letters(data, told, cut):
    got = decoded(data)
    assert (got.told, got.cut_off) == (told, cut)

"""What the inner side sees of jobs: processes, memory, files."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consilience.dialogue import sandbox_look

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; runs on Linux")


def test_descendants_are_found_through_their_parents():
    with subprocess.Popen(
        ["sh", "-c", "sleep 20 & echo; wait"], stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        shell.stdout.readline()
        found = sandbox_look.descendants()
        assert shell.pid in found
        assert len(set(found) - {shell.pid}) >= 1
        assert os.getpid() not in found
        assert set(found) <= set(sandbox_look.processes())
        os.killpg(shell.pid, signal.SIGKILL)


def test_memory_of_a_process():
    own = sandbox_look.resident_mb(os.getpid())
    held = bytearray(os.urandom(1 << 20) * 40)
    assert 35 < sandbox_look.resident_mb(os.getpid()) - own < 60
    assert 35 < sandbox_look.proportional_mb(os.getpid()) <= sandbox_look.resident_mb(os.getpid()) + 1
    del held
    assert sandbox_look.resident_mb(2**22 + 1) == 0


def test_a_signal_to_nobody_is_no_error():
    sandbox_look.send_signal(2**22 + 1, signal.SIGKILL)


def test_files_are_walked_without_following_links(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_text("x")
    (tmp_path / "b").symlink_to("/")
    names = [os.path.relpath(entry.path, tmp_path) for entry in sandbox_look.walk(str(tmp_path))]
    assert names == ["a", "b", "a/f"]


def test_regular_files_alone_are_read(tmp_path):
    (tmp_path / "f").write_text("12345")
    (tmp_path / "link").symlink_to("f")
    os.mkfifo(tmp_path / "pipe")
    assert sandbox_look.read_regular(str(tmp_path / "f"), 5) == b"12345"
    assert sandbox_look.read_regular(str(tmp_path / "f"), 4) is None
    for name in ("link", "pipe", "absent", "."):
        assert sandbox_look.read_regular(str(tmp_path / name), 99) is None


def test_a_folder_is_emptied_whatever_its_rights(tmp_path):
    deep = tmp_path / "home"
    (deep / "a" / "b").mkdir(parents=True)
    (deep / "a" / "b" / "f").write_text("x")
    (deep / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "f").write_text("x")
    (deep / "a" / "b").chmod(0)
    (deep / "a").chmod(0)
    sandbox_look.empty(str(deep))
    assert list(deep.iterdir()) == []
    assert (tmp_path / "kept" / "f").exists()


def test_a_folder_that_holds_too_much_is_told(tmp_path):
    for number in range(5):
        (tmp_path / f"d{number}").mkdir()
    (tmp_path / "big").write_bytes(bytes(3 << 20))
    assert not sandbox_look.over_tree(str(tmp_path), megabytes=4, files=6)
    assert sandbox_look.over_tree(str(tmp_path), megabytes=2, files=6)
    assert sandbox_look.over_tree(str(tmp_path), megabytes=4, files=5)


def test_ending_descendants_leaves_none():
    code = """
import os, sys, time
from consilience.dialogue import sandbox_look, sandbox_walls
sandbox_walls.prctl(sandbox_walls.SUBREAPER, 1)
if os.fork() == 0:
    os.setsid()
    for _ in range(3):
        os.fork()
    time.sleep(20)
time.sleep(0.2)
print(len(sandbox_look.descendants()))
sandbox_look.end_descendants()
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        break
print(len(sandbox_look.descendants()))
"""
    began = time.monotonic()
    paths = os.pathsep.join(path for path in sys.path if path)
    source = str(Path(sandbox_look.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([source, paths])}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, timeout=20, check=True)
    assert ended.stdout.split() == [b"8", b"0"], ended.stderr
    assert time.monotonic() - began < 5

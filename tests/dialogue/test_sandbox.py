"""Every attack of the claim, against every kind of wall that this machine allows; then what goes in and what comes out.

No attack here could hurt a machine without walls: bombs are counted, signals go to decoys, and what allocates or writes
stops by itself at a few hundred megabytes.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import WALLS, Outcome, SandboxFailed, SandboxLimits, Snippets, run, run_async, walls
from consilience.ground.errors import InvalidInput, UnknownName

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are those of Linux, now and as long as that is so"
)

LATE_S = 1.5
MEANS = {"namespaces": (), "namespaces of root": ("users",), "without namespaces": ("namespaces",)}
if os.geteuid() != 0:
    # Nobody else has namespaces without one of users.
    del MEANS["namespaces of root"]


@pytest.fixture(params=MEANS)
def without(request) -> tuple[str, ...]:
    """Return the means that are left out; a machine that forbids namespaces is simulated."""
    if request.param != "without namespaces" and "processes" not in walls(without=MEANS[request.param]):
        pytest.skip("this machine forbids namespaces; runs where it allows them")
    return MEANS[request.param]


def attack(code, without, *, need=(), name=None, stdin=b"", command=None, **limits) -> tuple[Outcome, float]:
    """Run an attack where the walls that it is against stand, and return what came of it, and how long it took."""
    standing = walls(without=without)
    lacking = set(need) - standing.keys()
    if lacking:
        pytest.skip(f"{', '.join(sorted(lacking))} cannot stand here; runs where it can")
    name = name or f"attack_{uuid.uuid4().hex}.py"
    began = time.monotonic()
    outcome = run(
        {name: textwrap.dedent(code)},
        command or ["python", "-S", "-E", name],
        limits=SandboxLimits(**{"wall_s": 4, "memory_mb": 256} | limits),
        stdin=stdin,
        require=need,
        without=without,
    )
    took = time.monotonic() - began
    assert not alive(name)
    return outcome, took


def alive(marker: str) -> list[str]:
    """Return the processes of this machine that have a word in their command line, those that are dying left out."""
    deadline = time.monotonic() + 0.5
    while True:
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and marker.encode() in (folder / "cmdline").read_bytes():
                    found.append(folder.name)
            except OSError:
                continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def forks(without) -> bool:
    """Whether processes may be started at all: without namespaces root may have to stay root, and then not."""
    return walls(without=without).get("orphans") != "one process only"


@pytest.fixture
def decoy():
    """Start a process that an attack may hit."""
    process = subprocess.Popen(["sleep", "60"], env={"SECRET": "s3cret"})
    yield process
    process.kill()
    process.wait()


# --- the attacks of the claim --------------------------------------------------------------------------------------


def test_endless_loop(without):
    outcome, took = attack("while True: pass", without, wall_s=0.4)
    assert (outcome.status, outcome.returncode) == ("timeout", -signal.SIGKILL)
    assert took < 0.4 + LATE_S
    assert "0.4 s by the clock" in outcome.reason


def test_endless_loop_over_its_processor_time(without):
    outcome, took = attack("while True: pass", without, cpu_s=1, wall_s=30)
    assert outcome.status == "timeout"
    assert "1 s of processor" in outcome.reason
    # By the clock it may be longer, where others compute as well.
    assert took < 30
    assert outcome.cpu_s > 0.7


def test_endless_loop_that_ignores_signals(without):
    code = """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            pass
        """
    outcome, took = attack(code, without, wall_s=0.4)
    assert outcome.status == "timeout"
    assert took < 0.4 + LATE_S


def test_fork_bomb(without):
    code = """
        import os, time
        born = 0
        for _ in range(300):
            try:
                if os.fork() == 0:
                    time.sleep(20)
                    os._exit(0)
            except OSError:
                continue
            born += 1
        print(born, flush=True)
        time.sleep(20)
        """
    outcome, took = attack(code, without, need=("orphans",), processes=8, wall_s=1)
    assert outcome.status == "timeout"
    assert took < 1 + LATE_S
    assert int(outcome.stdout) == (7 if forks(without) else 0)


def test_fork_bomb_that_grows(without):
    code = """
        import os
        for _ in range(9):
            try:
                os.fork()
            except OSError:
                pass
        while True:
            pass
        """
    outcome, took = attack(code, without, need=("orphans",), processes=8, wall_s=0.6)
    assert outcome.status == "timeout"
    assert took < 0.6 + LATE_S


def test_bomb_of_threads(without):
    code = """
        import _thread, time
        born = 0
        for _ in range(300):
            try:
                _thread.start_new_thread(time.sleep, (20,))
            except RuntimeError:
                break
            born += 1
        print(born, flush=True)
        import os
        os._exit(0)
        """
    outcome, _ = attack(code, without, processes=8)
    # Where root had to stay root, its address space is what bounds its threads.
    assert int(outcome.stdout) <= (7 if forks(without) else 256 // 8)


def test_four_gigabytes(without):
    outcome, took = attack("print(len(bytearray(4 << 30)))", without)
    assert (outcome.status, outcome.returncode, outcome.stdout) == ("memory", 1, b"")
    assert took < 4


def test_memory_of_many_processes_together(without):
    code = """
        import os, time
        for _ in range(7):
            if os.fork() == 0:
                break
        held = bytearray(os.urandom(1 << 20) * 60)
        time.sleep(4)
        """
    if not forks(without):
        pytest.skip("no processes may be started here, so there are never many; runs under namespaces")
    outcome, took = attack(code, without, need=("memory",), memory_mb=120, wall_s=4)
    assert outcome.status == "memory"
    assert "held more" in outcome.reason
    assert outcome.peak_memory_mb > 120
    assert took < 4


def test_ten_gigabytes_in_one_file(without):
    code = """
        import os
        written = 0
        with open("big", "wb", buffering=0) as file:
            try:
                while written < 300 << 20:
                    written += file.write(bytes(1 << 20))
            except OSError as error:
                print(error.errno)
        print(os.path.getsize("big"))
        """
    outcome, _ = attack(code, without, file_mb=4, tree_mb=16)
    assert outcome.stdout.split() == [b"27", b"4194304"]


def test_ten_gigabytes_in_many_files(without):
    code = """
        import os, time
        for number in range(100):
            with open(f"big{number}", "wb", buffering=0) as file:
                try:
                    for _ in range(3):
                        file.write(bytes(1 << 20))
                except OSError as error:
                    print(error.errno, flush=True)
                    break
        print(sum(os.path.getsize(name) for name in os.listdir(".")), flush=True)
        time.sleep(4)
        """
    outcome, took = attack(code, without, need=("tree",), file_mb=4, tree_mb=16, wall_s=1.5)
    assert took < 1.5 + LATE_S
    if walls(without=without)["tree"] == "watched":
        assert outcome.status == "killed"
    else:
        error, size = outcome.stdout.split()
        assert int(error) == 28
        assert int(size) <= 16 << 20


def test_ten_gigabytes_elsewhere(without):
    code = """
        import os
        for folder in ("/", "/tmp", "/dev/shm", "/var/tmp", "/dev", "/box", "/usr", os.path.dirname(os.__file__)):
            try:
                with open(folder + "/attack-big", "wb", buffering=0) as file:
                    for _ in range(40):
                        file.write(bytes(1 << 20))
                print(folder)
            except OSError:
                pass
        """
    outcome, _ = attack(code, without, need=("files",), file_mb=64, tree_mb=16)
    assert outcome.stdout == b""
    assert not list(Path("/tmp").glob("attack-big"))


def test_zip_of_many_files(without):
    code = """
        import time
        born = 0
        for number in range(3000):
            try:
                open(f"f{number}", "w").close()
            except OSError:
                break
            born += 1
        print(born, flush=True)
        time.sleep(4)
        """
    outcome, took = attack(code, without, files=200, wall_s=1)
    assert took < 1 + LATE_S
    if walls(without=without)["tree"] == "watched":
        assert outcome.status == "killed"
    else:
        assert int(outcome.stdout) <= 200


def test_size_hidden_deeper_than_a_path_can_say(without):
    code = """
        import os, time
        for _ in range(150):
            os.mkdir("d" * 50)
            os.chdir("d" * 50)
        size = 0
        try:
            for number in range(40):
                with open(str(number), "wb", buffering=0) as file:
                    size += file.write(bytes(1 << 20))
        except OSError:
            pass
        print(size, flush=True)
        time.sleep(20)
        """
    outcome, took = attack(code, without, tree_mb=16, wall_s=2)
    assert took < 2 + LATE_S
    if walls(without=without)["tree"] == "watched":
        assert outcome.status == "killed"
    else:
        assert int(outcome.stdout) <= 16 << 20


def test_sockets(without, tmp_path):
    path = Path("/tmp") / f"attack-{uuid.uuid4().hex[:8]}.sock"
    abstract = f"attack-{uuid.uuid4().hex}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as by_path,
        socket.socket(socket.AF_UNIX) as by_name,
    ):
        by_path.bind(str(path))
        path.chmod(0o777)
        by_path.listen()
        by_name.bind(f"\0{abstract}")
        by_name.listen()
        port = server.getsockname()[1]
        code = f"""
            import socket
            def reach(family, address, kind=socket.SOCK_STREAM):
                try:
                    with socket.socket(family, kind) as line:
                        line.settimeout(1)
                        line.connect(address)
                        line.send(b"x")
                    print("reached", address)
                except OSError:
                    print("no")
            reach(socket.AF_INET, ("127.0.0.1", {port}))
            reach(socket.AF_INET, ("10.0.0.1", 80))
            reach(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)
            reach(socket.AF_INET6, ("::1", {port}))
            reach(socket.AF_UNIX, {str(path)!r})
            reach(socket.AF_UNIX, "\\0{abstract}")
            reach(socket.AF_VSOCK, (2, 1024))
            reach(socket.AF_NETLINK, (0, 0), socket.SOCK_RAW)
            """
        outcome, _ = attack(code, without, need=("network",))
        assert outcome.stdout.split() == [b"no"] * 8
        # They were there to be reached.
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_UNIX, str(path)),
            (socket.AF_UNIX, f"\0{abstract}"),
        ):
            with socket.socket(family) as line:
                line.connect(address)
    path.unlink()


def test_paths_out_of_the_folder(without):
    secret = Path("/tmp") / f"secret-{uuid.uuid4().hex}"
    secret.write_text("s3cret")
    secret.chmod(0o666)
    code = f"""
        import os
        up = "../" * 30
        def reach(how, *arguments):
            try:
                how(*arguments)
                print("reached", arguments)
            except OSError:
                print("no")
        for path in ({str(secret)!r}, "/etc/passwd", "/etc/shadow", {str(Path.home())!r} + "/.bashrc", {__file__!r}):
            reach(open, path)
            reach(open, up + path)
            reach(open, "/proc/1/root" + path)
            reach(open, path, "r+")
            os.symlink(path, "link")
            reach(open, "link")
            os.unlink("link")
            reach(os.link, path, "hard")
        reach(os.chmod, {str(secret)!r}, 0)
        reach(os.unlink, {str(secret)!r})
        reach(os.chroot, ".")
        reach(os.listdir, {str(Path(__file__).parent)!r})
        os.symlink({str(secret)!r}, "given.txt")
        os.symlink("/", "folder")
        """
    outcome, _ = attack(code, without, need=("files",))
    assert outcome.status == "done", outcome.stderr
    assert outcome.stdout.split() == [b"no"] * 34
    assert outcome.files == {}
    assert secret.read_text() == "s3cret"
    secret.unlink()


def test_output_flood(without):
    outcome, took = attack("while True: print('x' * 1000)", without, output_kb=16, wall_s=4)
    assert (outcome.status, outcome.truncated) == ("killed", True)
    assert outcome.stdout == (b"x" * 1000 + b"\n") * 16 + outcome.stdout[16016:]
    assert len(outcome.stdout) == 16 * 1024
    assert took < LATE_S + 1


def test_output_flood_on_both_streams_by_a_daemon(without):
    code = """
        import os, sys
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(2, b"y" * 4096)
        while True:
            os.write(1, b"x" * 4096)
        """
    if not forks(without):
        pytest.skip("no processes may be started here; runs under namespaces")
    outcome, took = attack(code, without, output_kb=16)
    assert outcome.status == "killed"
    assert set(outcome.stdout) <= {ord("x")}
    assert took < LATE_S + 1


def test_orphans(without):
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                os.chdir("/")
                time.sleep(60)
            os._exit(0)
        os.wait()
        print("gone", flush=True)
        """
    if not forks(without):
        pytest.skip("no processes may be started here; runs under namespaces")
    outcome, took = attack(code, without, need=("orphans",), wall_s=4)
    assert (outcome.status, outcome.returncode, outcome.stdout) == ("done", 0, b"gone\n")
    # The daemon held the output open, which nobody waits for.
    assert took < LATE_S


def test_signals_to_others(without, decoy):
    code = f"""
        import ctypes, os, signal
        for pid in ({decoy.pid}, {os.getpid()}):
            try:
                os.kill(pid, 0)
                print("reached", pid)
            except OSError:
                print("no")
        try:
            os.kill({decoy.pid}, signal.SIGKILL)
        except OSError:
            pass
        try:
            os.kill(os.getppid(), signal.SIGKILL)
        except OSError:
            pass
        print("still here")
        """
    outcome, _ = attack(code, without, need=("signals",))
    assert (outcome.status, outcome.stdout) == ("done", b"no\nno\nstill here\n")
    assert decoy.poll() is None


def test_processes_of_others(without, decoy):
    code = f"""
        import os
        def look(path, how=lambda path: open(path, "rb").read()):
            try:
                print("seen", how(path))
            except OSError:
                print("no")
        look("/proc/{decoy.pid}/environ")
        look("/proc/{decoy.pid}/cmdline")
        look("/proc/{decoy.pid}/root", os.listdir)
        look("/proc/1/environ")
        look("/proc/1/mem")
        look("/proc/1/root", os.listdir)
        look(f"/proc/{{os.getppid()}}/fd", os.listdir)
        """
    outcome, _ = attack(code, without, need=("files",))
    assert outcome.stdout.split() == [b"no"] * 7


def test_environment_and_open_files(without, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    code = """
        import os
        print(sorted(os.environ))
        def opened(number):
            try:
                os.fstat(number)
            except OSError:
                return False
            return True
        print([number for number in range(300) if opened(number)])
        """
    outcome, _ = attack(code, without, command=["python", "-S", "-I", "attack.py"], name="attack.py")
    environment, files = outcome.stdout.decode().splitlines()
    assert set(eval(environment)) <= {"HOME", "LANG", "LC_CTYPE", "PATH", "TMPDIR"}
    assert eval(files) == [0, 1, 2]


def test_system_calls_beyond_the_walls(without):
    code = """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        def no(name, *arguments):
            ctypes.set_errno(0)
            result = getattr(libc, name)(*arguments)
            print(name, errno.errorcode.get(ctypes.get_errno()) if result == -1 else "allowed")
        no("unshare", 0x10000000)
        no("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
        no("ptrace", 0, 0, 0, 0)
        no("memfd_create", b"hidden", 0)
        no("shmget", 0, 1 << 20, 0o1600)
        no("setns", 0, 0)
        no("personality", 0x0040000)
        assert os.getuid() == 0 or libc.setuid(0) == -1
        """
    outcome, _ = attack(code, without, need=("calls",))
    lines = [line.split() for line in outcome.stdout.decode().splitlines()]
    assert len(lines) == 7
    assert {answer for _, answer in lines} == {"EPERM"}


def test_privileges(without):
    code = """
        import ctypes, os
        libc = ctypes.CDLL(None)
        print(os.getuid() == 0 or os.geteuid() == 0, libc.prctl(39, 0, 0, 0, 0))
        head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert libc.capget(head, sets) == 0
        print(list(sets))
        """
    outcome, _ = attack(code, without)
    who, capabilities = outcome.stdout.decode().splitlines()
    assert capabilities == str([0] * 6)
    assert who.endswith(" 1")
    assert who.startswith("True") is ("privileges" not in outcome.walls)


def test_names_and_kinds_of_files_that_trouble_who_reads_them(without):
    code = r"""
        import os
        os.mkfifo("pipe")
        with open("holes", "wb") as file:
            file.truncate(4 << 20)
        for number in range(9):
            os.link("holes", f"holes{number}")
        open(b"\xff\n.txt", "w").write("odd")
        here = os.getcwd()
        for _ in range(DEPTH):
            os.mkdir("d" * 50)
            os.chdir("d" * 50)
        open("deep.txt", "w").write("deep")
        os.chdir(here)
        open("closed.txt", "w").write("closed")
        """
    watched = walls(without=without)["tree"] == "watched"
    outcome, took = attack(code.replace("DEPTH", "60" if watched else "120"), without, tree_mb=16, file_mb=8)
    assert outcome.status == "done", outcome.stderr
    assert outcome.files["closed.txt"] == b"closed"
    assert outcome.files[os.fsdecode(b"\xff\n.txt")] == b"odd"
    assert "pipe" not in outcome.files
    assert sum(map(len, outcome.files.values())) <= 16 << 20
    assert took < 4


# --- nothing is left behind ----------------------------------------------------------------------------------------


def test_nothing_is_left_behind(without, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    run({}, ["python", "-c", "pass"], without=without)

    def state():
        # The folder's own mode too: nobody may open or close it to clean up.
        return (
            Path("/proc/self/mountinfo").read_text(),
            len(list(Path("/proc/self/fd").iterdir())),
            len(list(Path("/proc/self/task").iterdir())),
            list(tmp_path.iterdir()),
            tmp_path.stat().st_mode,
            Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
        )

    before = state()
    deep = "import os\nfor _ in range(150): os.mkdir('d' * 50); os.chdir('d' * 50)"
    for code in (
        deep,
        "open('x', 'w')",
        "import os; os.makedirs('a/b'); os.chmod('.', 0)",
        "while True: pass",
        "1 / 0",
    ):
        run({}, ["python", "-S", "-c", code], without=without, limits=SandboxLimits(wall_s=0.3))
    run({}, ["nosuchprogram"], without=without)
    assert state() == before


def test_a_folder_that_was_exchanged_for_a_link_is_not_followed(tmp_path, monkeypatch):
    """Without the wall of files a program may put a link in the place of its folder: who cleans up must not follow."""
    without = ("namespaces", "landlock")
    kept = tmp_path / "kept"
    kept.mkdir()
    kept.chmod(0o755)
    (kept / "f").write_text("x")
    spot = tmp_path / "spot"
    spot.mkdir()
    spot.chmod(0o777)
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(spot))
    code = f"import os; home = os.getcwd(); os.rename(home, home + 'x'); os.symlink({str(kept)!r}, home); print(1)"
    if "network" not in walls(without=without):
        pytest.skip("without a filter of system calls root has no sandbox here; runs on x86_64 and aarch64")
    before = spot.stat().st_mode, tmp_path.stat().st_mode
    outcome = run({}, ["python", "-c", code], without=without)
    assert outcome.stdout == b"1\n", outcome.stderr
    assert outcome.files == {}
    assert (kept.stat().st_mode & 0o777, (kept / "f").read_text()) == (0o755, "x")
    assert (spot.stat().st_mode, tmp_path.stat().st_mode) == before


def test_a_caller_that_is_killed_takes_all_with_it(without, tmp_path):
    marker = f"attack_{uuid.uuid4().hex}"
    code = f"""
        from consilience.dialogue.sandbox import run, SandboxLimits
        run({{}}, ["python", "-c", "import time; time.sleep(30)", {marker!r}], limits=SandboxLimits(wall_s=30),
            without={without!r})
        """
    source = str(Path(sandbox.__file__).parents[2])
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code).replace(marker, "a-" + marker)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([source, *sys.path]), "TMPDIR": str(tmp_path)},
    )
    word = f"\0a-{marker}"
    deadline = time.monotonic() + 20
    while not running(word) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running(word)
    caller.kill()
    caller.wait()
    assert alive(word) == []
    deadline = time.monotonic() + 1
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


def running(marker: str) -> bool:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and marker.encode() in (folder / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def test_a_task_that_is_cancelled_ends_its_program(without):
    marker = f"attack_{uuid.uuid4().hex}"

    async def main():
        command = ["python", "-c", "import time; time.sleep(30)", marker]
        task = asyncio.create_task(run_async({}, command, limits=SandboxLimits(wall_s=30), without=without))
        while not running(marker):
            assert not task.done()
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(main()) < LATE_S
    assert alive(marker) == []


# --- what goes in and what comes out -------------------------------------------------------------------------------


def test_files_go_in_and_changed_ones_come_out(without):
    code = "import pathlib; p = pathlib.Path; p('b/new.bin').write_bytes(bytes(range(256))); p('a.txt').write_text('2')"
    files = {"main.py": code, "a.txt": "1", "b/c/same.txt": b"same"}
    outcome = run(files, ["python", "main.py"], without=without)
    assert outcome.ok, outcome.stderr
    assert outcome.files == {"a.txt": b"2", "b/new.bin": bytes(range(256))}


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_standard_input(without, size):
    command = ["python", "-c", "import sys; print(len(sys.stdin.buffer.read()))"]
    outcome = run({}, command, stdin=b"x" * size, without=without)
    assert outcome.stdout == b"%d\n" % size
    assert outcome.files == {}


def test_output_of_both_streams_environment_and_return_code():
    command = ["python", "-c", "import os, sys; print(os.environ['A']); sys.exit('bad')"]
    outcome = run({}, command, env={"A": "ä"})
    assert (outcome.status, outcome.returncode) == ("done", 1)
    assert (outcome.stdout, outcome.stderr) == ("ä\n".encode(), b"bad\n")
    assert not outcome.ok
    assert outcome.wall_s > 0
    assert 3 < outcome.peak_memory_mb < 200


def test_a_little_too_much_output_is_cut_and_harmless():
    outcome = run({}, ["python", "-c", "print('x' * 3000)"], limits=SandboxLimits(output_kb=1))
    assert (outcome.status, outcome.returncode, outcome.truncated, outcome.stdout) == ("done", 0, True, b"x" * 1024)


def test_a_program_that_ends_by_its_own_signal_is_done():
    outcome = run({}, ["python", "-c", "import os; os.abort()"])
    assert (outcome.status, outcome.returncode) == ("done", -signal.SIGABRT)


def test_other_programs_and_their_children_run():
    outcome = run({"main.sh": "echo $((6 * 7)) | cat"}, ["sh", "main.sh"])
    assert outcome.stdout == b"42\n"


def test_readable_paths_are_read_and_not_changed(without, tmp_path):
    package = Path("/tmp") / f"package-{uuid.uuid4().hex}"
    package.mkdir()
    package.chmod(0o777)
    (package / "lesson.py").write_text("x = 5")
    code = f"import lesson; print(lesson.x); open({str(package / 'new')!r}, 'w')"
    outcome = run({}, ["python", "-c", code], env={"PYTHONPATH": str(package)}, readable=[package], without=without)
    assert outcome.stdout == b"5\n"
    assert outcome.returncode == 1
    assert [path.name for path in package.iterdir() if path.suffix] == ["lesson.py"]
    (package / "lesson.py").unlink()
    package.rmdir()


def test_what_cannot_be_started_is_refused(without):
    outcome = run({}, ["nosuchprogram", "x"], without=without)
    assert (outcome.status, outcome.returncode) == ("refused", 127)
    assert "nosuchprogram" in outcome.reason or "No such file" in outcome.reason


def test_many_at_once():
    async def main():
        commands = [["python", "-S", "-c", f"print({number})"] for number in range(8)]
        return await asyncio.gather(*(run_async({}, command) for command in commands))

    outcomes = asyncio.run(main())
    assert [outcome.stdout for outcome in outcomes] == [b"%d\n" % number for number in range(8)]


def test_walls_are_named(without):
    outcome = run({}, ["python", "-c", "pass"], without=without)
    assert set(outcome.walls) == walls(without=without).keys() <= WALLS.keys()
    assert {"limits", "time"} <= set(outcome.walls)


def test_without_namespaces_it_says_so():
    standing = walls(without=("namespaces",))
    assert "processes" not in standing
    assert "namespace" not in standing.values()


def test_a_required_wall_that_cannot_stand_refuses():
    with pytest.raises(InvalidInput, match="processes cannot stand here"):
        run({}, ["python", "-c", "pass"], require={"processes"}, without={"namespaces"})
    with (
        pytest.raises(InvalidInput, match="files cannot stand here"),
        Snippets(1, require={"files"}, without={"namespaces", "landlock"}) as snippets,
    ):
        snippets.run("pass")


def test_root_that_cannot_be_given_up_is_no_sandbox():
    bare = ("namespaces", "landlock", "calls")
    if not forks(("namespaces",)):
        with pytest.raises(SandboxFailed, match="root cannot be given up"):
            walls(without=bare)
        return
    standing = walls(without=bare)
    assert "privileges" in standing
    assert not {"network", "files", "signals", "calls"} & standing.keys()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", ".", "a\0b", "a/"])
def test_paths_out_of_the_folder_are_refused(name):
    with pytest.raises(InvalidInput, match="relative path"):
        run({name: ""}, ["python", "x"])


@pytest.mark.parametrize("command", ["python main.py", [], ["a\0b"]])
def test_commands_that_are_none_are_refused(command, past_the_types):
    with pytest.raises(InvalidInput, match="sequence of words"):
        run({}, command)


@pytest.mark.parametrize(
    "limits", [{"wall_s": 0}, {"memory_mb": -1}, {"cpu_s": float("inf")}, {"tree_mb": float("nan")}]
)
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(InvalidInput, match=next(iter(limits))):
        SandboxLimits(**limits)


def test_other_bad_input_is_named():
    with pytest.raises(UnknownName, match="did you mean 'network'"):
        run({}, ["python"], require={"networks"})
    with pytest.raises(UnknownName, match="landlock"):
        walls(without={"landlok"})
    with pytest.raises(InvalidInput, match="environment"):
        run({}, ["python"], env={"A=B": "x"})
    with pytest.raises(InvalidInput, match="exist"):
        run({}, ["python"], readable=["/no/such/path"])
    with pytest.raises(InvalidInput, match="1 files and 64 MB at most"):
        run({"a": "", "b": ""}, ["python"], limits=SandboxLimits(files=1))
    with pytest.raises(InvalidInput, match="1 worker"):
        Snippets(0)


# --- snippets ------------------------------------------------------------------------------------------------------


@pytest.fixture
def snippets(without):
    with Snippets(1, limits=SandboxLimits(wall_s=0.5, memory_mb=256, output_kb=16), without=without) as pool:
        yield pool


def test_snippets_run_as_main_modules(snippets):
    assert snippets.run("print(__name__, len(__import__('sys').argv))").stdout == b"__main__ 1\n"
    outcome = snippets.run(
        "import sys; print(input()); import helper; sys.exit(3)", files={"helper.py": "print('h')"}, stdin=b"in\n"
    )
    assert (outcome.stdout, outcome.returncode, outcome.status) == (b"in\nh\n", 3, "done")
    outcome = snippets.run("def f():\n    raise KeyError('k')\nf()")
    assert outcome.returncode == 1
    assert outcome.stderr.startswith(b"Traceback")
    assert b"KeyError: 'k'" in outcome.stderr
    assert b"sandbox_child" not in outcome.stderr
    assert b"SyntaxError" in snippets.run("1 +").stderr


def test_snippets_see_nothing_of_each_other(snippets):
    secret = "s3cret" + uuid.uuid4().hex
    first = f"""
import builtins, math, os, sys
word = {secret!r}
builtins.left = math.left = word
for folder in (".", "/tmp", "/dev/shm"):
    try:
        open(folder + "/left", "w").write(word)
    except OSError:
        pass
os.environ["LEFT"] = word
sys.stdout.write(word)
os.chmod(".", 0) if os.getuid() != 0 and os.getcwd() == "/home/sandbox" else None
"""
    assert snippets.run(first, stdin=secret.encode()).stdout == secret.encode()
    second = f"""
import builtins, math, os, sys
half, other = {secret[:20]!r}, {secret[20:]!r}
print(hasattr(builtins, "left"), hasattr(math, "left"), "LEFT" in os.environ, os.listdir("."), sys.stdin.read() == "")
print([os.path.exists(folder + "/left") for folder in ("/tmp", "/dev/shm")])
found = 0
try:
    maps, memory = open("/proc/self/maps"), open("/proc/self/mem", "rb")
except OSError:
    maps, memory = [], None
for line in maps:
    place, rights = line.split()[:2]
    if rights.startswith("rw") and "[v" not in line:
        start, end = (int(number, 16) for number in place.split("-"))
        memory.seek(start)
        content = memory.read(end - start)
        at = content.find(half.encode())
        while at >= 0:
            found += content[at + len(half) : at + len(half) + len(other)] == other.encode()
            at = content.find(half.encode(), at + 1)
print(found)
"""
    outcome = snippets.run(second)
    assert outcome.ok, outcome.stderr
    assert outcome.stdout == b"False False False [] True\n[False, False]\n0\n"


def test_snippets_go_on_after_every_attack(snippets):
    statuses = [
        snippets.run(code).status
        for code in (
            "while True: pass",
            "bytearray(4 << 30)",
            "while True: print('x' * 1000)",
            "import os; os._exit(1)",
            "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
            "import os\nfor n in range(3, 300):\n try: os.write(n, b'forged')\n except OSError: pass",
            "import os; os.set_blocking(1, False); os.close(0); os.close(1); os.close(2)",
            "import threading, time; threading.Thread(target=time.sleep, args=(9,)).start()",
        )
    ]
    assert statuses[:4] == ["timeout", "memory", "killed", "done"]
    # Deeper than a path can say.
    deep = "import os\nfor _ in range(200):\n os.mkdir('d' * 50); os.chdir('d' * 50)\nopen('f', 'w')"
    snippets.run(deep)
    assert snippets.run("import os; os.makedirs('a/b/c'); os.symlink('/', 'a/l'); os.open('a/f', os.O_CREAT)").ok
    assert snippets.run("print('x' * 15000)").stdout == b"x" * 15000 + b"\n"


def test_snippets_leave_no_daemon(snippets, without):
    if not forks(without):
        pytest.skip("no processes may be started here; runs under namespaces")
    snippets.run("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)")
    outcome = snippets.run("import os\nprint(len([n for n in os.listdir('/proc') if n.isdigit()]))")
    if "processes" in outcome.walls:
        assert outcome.stdout == b"2\n"


def test_snippets_run_at_once_and_in_threads():
    async def main(pool):
        return await asyncio.gather(*(pool.run_async(f"print({number} ** 2)") for number in range(20)))

    with Snippets(2) as pool:
        outcomes = asyncio.run(main(pool))
    assert [int(outcome.stdout) for outcome in outcomes] == [number**2 for number in range(20)]


def test_snippets_that_are_cancelled_end_and_the_pool_goes_on():
    async def main(pool):
        task = asyncio.create_task(pool.run_async("import time; time.sleep(30)"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await pool.run_async("print(1)")

    with Snippets(1, limits=SandboxLimits(wall_s=30)) as pool:
        began = time.monotonic()
        assert asyncio.run(main(pool)).stdout == b"1\n"
        assert time.monotonic() - began < 3


def test_snippets_leave_the_threads_of_the_loop_to_others():
    async def main(pool):
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waiting = [asyncio.create_task(pool.run_async("import time; time.sleep(30)")) for _ in range(3)]
        await asyncio.sleep(0.1)
        try:
            await asyncio.wait_for(loop.getaddrinfo("localhost", 80), LATE_S)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)

    with Snippets(1, limits=SandboxLimits(wall_s=30)) as pool:
        asyncio.run(main(pool))


def test_a_closed_pool_says_so():
    pool = Snippets(1)
    pool.run("pass")
    pool.close()
    pool.close()
    with pytest.raises(InvalidInput, match="closed"):
        pool.run("pass")
    with pytest.raises(InvalidInput, match="closed"):
        asyncio.run(pool.run_async("pass"))
    with pytest.raises(InvalidInput, match="surrogate"):
        Snippets(1).run("'\udcff'")

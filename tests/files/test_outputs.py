import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from vtg_core.errors import VTGError
from vtg_core.files.outputs import (
    OLD_SECONDS,
    check_writable,
    is_stream,
    new_output,
    overwritten,
    replace_text,
    shared_output,
    write_output,
)

ROOT = Path(__file__).parents[2]
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
no_root = pytest.mark.skipif(IS_ROOT, reason="permissions do not bind root")
DIES_IN_MID_WRITE = """
import resource, signal, sys
from vtg_core.files.outputs import replace_text
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
replace_text(sys.argv[1], "new" * 10_000)
"""


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def full_disk(num_bytes=4096):
    """Let no file grow past so many bytes; the interpreter makes an OSError of the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def old(tmp_path):
    """A result that is there already."""
    file = tmp_path / "out.json"
    file.write_text("old")
    return file


@pytest.fixture
def stray(old):
    """What a process left beside ``old`` when it was killed while it wrote."""
    ran = subprocess.run([sys.executable, "-c", DIES_IN_MID_WRITE, old], cwd=ROOT, check=False)
    assert ran.returncode == -signal.SIGXFSZ
    [left] = set(old.parent.iterdir()) - {old}
    return left


def test_any_text_is_written_as_it_is(tmp_path):
    replace_text(tmp_path / "out", "一\r\n\udcff\n")
    assert (tmp_path / "out").read_bytes() == "一\r\n\\udcff\n".encode()
    assert names_in(tmp_path) == ["out"]


def test_a_file_is_replaced_behind_its_link_and_keeps_its_permissions(old, tmp_path):
    link = tmp_path / "link.json"
    old.chmod(0o640)
    link.symlink_to(old)
    replace_text(link, "new")
    assert (link.is_symlink(), old.read_text(), old.stat().st_mode & 0o777) == (True, "new", 0o640)
    assert names_in(tmp_path) == ["link.json", "out.json"]


def test_a_link_to_a_file_that_is_not_there_yet_makes_it(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "out")
    replace_text(tmp_path / "link", "new")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "out").read_text()) == (True, "new")


def test_a_new_file_has_the_permissions_that_a_person_s_files_have(tmp_path):
    (tmp_path / "theirs").touch()
    replace_text(tmp_path / "ours", "new")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_a_text_that_cannot_be_written_leaves_the_old_file(old):
    with pytest.raises((AttributeError, TypeError)):
        replace_text(old, 7)
    assert (names_in(old.parent), old.read_text()) == (["out.json"], "old")


def test_a_disk_that_fills_up_leaves_the_old_file(old):
    with (
        full_disk(),
        pytest.raises(VTGError, match=r"^--json must name a file that .* cannot: File too large$"),
    ):
        write_output("--json", str(old), "new" * 10_000)
    assert (names_in(old.parent), old.read_text()) == (["out.json"], "old")


def test_a_process_that_is_killed_in_mid_write_leaves_the_old_file(old, stray):
    assert old.read_text() == "old"
    assert stray.stat().st_size == 4096
    assert re.fullmatch(r"\.vtg-lens-\w{8}-\d+-\w{8}\.tmp", stray.name)


def test_what_a_killed_process_left_is_swept(old, stray):
    check_writable("--json", str(old))
    assert names_in(old.parent) == ["out.json"]


def renamed(stray, *, machine=r"\1", process=r"\2"):
    """The same file, as if another process had left it."""
    name = re.sub(r"lens-(\w+)-(\d+)", f"lens-{machine}-{process}", stray.name)
    return stray.rename(stray.with_name(name))


@pytest.mark.parametrize("changed", [{"process": os.getpid()}, {"process": 1}, {"machine": "00000000"}])
def test_what_may_still_be_written_is_swept_only_when_it_is_old(old, stray, changed):
    running = renamed(stray, **changed)
    check_writable("--json", str(old))
    assert running.exists()
    at = old.stat().st_mtime - OLD_SECONDS - 60
    os.utime(running, (at, at))
    check_writable("--json", str(old))
    assert not running.exists()


def test_what_is_not_ours_is_never_swept(old, stray):
    theirs = [stray.with_name(f"{stray.name}.bak"), stray.with_name(".vtg-lens-notes.tmp"), stray]
    stray.unlink()
    for file in theirs[:2]:
        file.touch()
        os.utime(file, (0, 0))
    stray.mkdir()
    check_writable("--json", str(old))
    assert all(file.exists() for file in theirs)


def test_a_check_leaves_nothing_and_touches_nothing(old):
    before = old.stat()
    check_writable("--json", str(old))
    check_writable("--csv", str(old.with_name("new.csv")))
    assert (names_in(old.parent), old.stat().st_mtime_ns) == (["out.json"], before.st_mtime_ns)


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("", "it is a folder, or has no name"),
        (".", "it is a folder, or has no name"),
        ("new/", "it is a folder, or has no name"),
        ("no/such/folder/out", "No such file or directory"),
        ("out.json/out", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_what_cannot_be_written_is_told_before_a_run(old, monkeypatch, out, reason):
    monkeypatch.chdir(old.parent)
    for attempt in (lambda: check_writable("--json", out), lambda: write_output("--json", out, "new")):
        with pytest.raises(
            VTGError, match=f"^--json must name a file that can be written, and .* cannot: {reason}$"
        ):
            attempt()
    assert (names_in(old.parent), old.read_text()) == (["out.json"], "old")


@no_root
def test_a_file_that_is_protected_is_not_replaced(old):
    old.chmod(0o400)
    with pytest.raises(VTGError, match="cannot: Permission denied"):
        check_writable("--json", str(old))
    with pytest.raises(PermissionError):
        replace_text(old, "new")


@no_root
def test_a_folder_that_takes_no_file_is_told(old):
    old.parent.chmod(0o500)
    try:
        with pytest.raises(VTGError, match="cannot: its folder takes no new file"):
            check_writable("--json", str(old))
    finally:
        old.parent.chmod(0o700)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_device_is_written_to_and_never_replaced():
    for device in ("/dev/null", "/dev/full"):
        assert is_stream(device)
        check_writable("--json", device)
    replace_text("/dev/null", "new")
    with pytest.raises(VTGError, match="cannot: No space left on device"):
        write_output("--json", "/dev/full", "new")
    assert is_stream("/dev/null")


def test_a_pipe_is_written_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        replace_text(tmp_path / "pipe", "new")
        assert reader.communicate()[0] == b"new"
    assert names_in(tmp_path) == ["pipe"]


@pytest.mark.parametrize("to", ["> {}", ">> {}", "| cat > {}", "2> {} 1>&2"])
def test_our_own_standard_output_is_gone_on_with_wherever_it_goes(tmp_path, to):
    code = (
        "from vtg_core.files.outputs import check_writable, replace_text; print('before');"
        "check_writable('--json', '/dev/stdout'); replace_text('/dev/stdout', 'json\\n'); print('after')"
    )
    command = f'"{sys.executable}" -c "{code}" {to.format(tmp_path / "out")}'
    subprocess.run(["bash", "-c", command], cwd=ROOT, check=True)
    assert (tmp_path / "out").read_text() == "before\njson\nafter\n"
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["out.json", "../here/out.json", "symbolic", "hard"])
def test_an_output_that_is_an_input_is_told_whatever_it_is_called(old, name):
    folder = old.parent / "here"
    folder.mkdir()
    old = old.rename(folder / "out.json")
    (folder / "symbolic").symlink_to(old)
    (folder / "hard").hardlink_to(old)
    out, new = str(folder / name), str(folder / "new")
    said = f"--csv must not be a file that is read, and {out!r} is the video: name another file"
    assert overwritten({"--json": new, "--csv": out}, [("the rows", ROOT), ("the video", old)]) == said
    assert shared_output({"--json": str(old), "--csv": out}).startswith(
        "--json and --csv must name two files"
    )
    assert overwritten({"--json": new}, [("the video", old), ("no file", "gone")]) is None


def test_inputs_are_not_looked_at_where_no_output_is_there_yet(tmp_path):
    inputs = (pytest.fail("it was looked at") for _ in range(1))
    assert overwritten({"--json": str(tmp_path / "new")}, inputs) is None


def test_two_outputs_that_differ_by_case_alone_are_one(tmp_path):
    outs = {"--json": str(tmp_path / "out"), "--csv": str(tmp_path / "OUT")}
    assert (
        shared_output(outs)
        == f"--json and --csv must name two files, got {outs['--json']!r} and {outs['--csv']!r}"
    )
    assert shared_output({**outs, "--csv": str(tmp_path / "out.csv")}) is None


def write_new(out, text, meanwhile=lambda: None):
    with new_output("--output", out) as file:
        file.write(text)
        meanwhile()


def fail():
    raise RuntimeError


def test_a_new_file_appears_whole_or_not_at_all(tmp_path):
    new = tmp_path / "new"
    write_new(new, "é\n", meanwhile=lambda: new.exists() and fail())
    assert new.read_text(encoding="utf-8") == "é\n"
    with pytest.raises(RuntimeError):
        write_new(tmp_path / "other", "half", meanwhile=fail)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_new_file_never_takes_the_place_of_one_that_came_meanwhile(tmp_path):
    new = tmp_path / "new"
    with pytest.raises(VTGError, match="nothing is overwritten"):
        write_new(new, "ours", meanwhile=lambda: new.write_text("theirs"))
    with pytest.raises(VTGError, match="nothing is overwritten"):
        write_new(new, "ours")
    assert new.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]

"""A file is decoded by a process of its own: what that may do, and what becomes of whoever waits for it."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ASSETS
from vtg_core.video.decoders import decode_here, is_installed
from vtg_core.video.isolation.client import DecoderDiedError, isolated_decoding
from vtg_core.video.plan import FramePolicy, VideoBackend
from vtg_core.video.sampling import sample_frames
from vtg_core.video.timeline import read_here, read_timeline

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="decoding has a process of its own on Linux")

RED_CIRCLE = ASSETS / "red_circle.mp4"
SLOW = FramePolicy(num_frames=300, backend=VideoBackend.PYAV)
DECODES_AND_WAITS = (
    "import os, sys; from vtg_core.video.isolation.client import isolate; isolate();"
    "from vtg_core.video.sampling import sample_frames; sample_frames(sys.argv[1]);"
    "print(open(f'/proc/self/task/{os.getpid()}/children').read().split()[0], flush=True); sys.stdin.read()"
)
OPENS = (
    "import os, sys; from pathlib import Path; from vtg_core.video.isolation.confinement import limit_files\n"
    "print(limit_files(Path(sys.argv[1]), []))\n"
    "def tried(do, *given):\n"
    "    try: do(*given); return 'done'\n"
    "    except OSError as error: return type(error).__name__\n"
    "print(tried(open, sys.argv[1]), tried(open, sys.argv[2]), tried(open, sys.argv[1], 'a'), tried(os.execv, '/bin/true', ['true']))"
)


@pytest.fixture(autouse=True)
def isolated():
    with isolated_decoding():
        yield


def children(process):
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def server():
    """The one process that this one began to decode."""
    sample_frames(RED_CIRCLE, FramePolicy(num_frames=2))
    [found] = [one for one in children(os.getpid()) if b"isolation.server" in commands(one)]
    return found


def commands(process):
    return Path(f"/proc/{process}/cmdline").read_bytes()


def is_gone(process):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def kill_the_next_job(number):
    """Send a signal to the first process that decodes from now on."""
    decoder = server()
    while children(decoder):  # the one before may not have ended yet
        pass

    def kill():
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for job in children(decoder):
                with suppress(ProcessLookupError):  # it was done before
                    os.kill(job, number)
                    return

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def decoders_of_killed(number, policy):
    """Kill jobs, ten at most, and return who decoded then: on a busy machine one may have answered before it is hit."""
    used = set()
    for _ in range(10):
        killer = kill_the_next_job(number)
        while killer.is_alive():
            used.add(sample_frames(RED_CIRCLE, policy).backend)
        if VideoBackend.PYAV in used and policy.backend is None:
            break
    return used


def test_the_frames_and_the_times_are_those_that_are_read_in_place():
    frames = sample_frames(RED_CIRCLE, FramePolicy(num_frames=5, backend=VideoBackend.PYAV)).frames
    timeline, here = read_timeline(RED_CIRCLE), np.empty_like(frames)
    assert timeline == read_here(RED_CIRCLE)
    asked = {"size": (320, 180), "backend": VideoBackend.PYAV, "out": here}
    decode_here(timeline, [0, 75, 150, 224, 299], **asked)
    assert np.array_equal(frames, here)
    frames += 1  # they are whoever's who asked


def test_frames_too_many_to_copy_are_not_copied_and_nobody_elses():
    policy = FramePolicy(num_frames=200, backend=VideoBackend.PYAV)  # 34.6 MB
    first, second = sample_frames(RED_CIRCLE, policy).frames, sample_frames(RED_CIRCLE, policy).frames
    before = second.copy()
    first[:] = 0
    assert np.array_equal(second, before)


def test_what_decodes_is_small():
    maps = Path(f"/proc/{server()}/maps").read_text()
    assert "libavcodec" in maps
    assert "torch" not in maps


@pytest.mark.skipif(not is_installed(VideoBackend.DECORD), reason="no decord here")
def test_decord_is_loaded_only_where_it_is_confined():
    assert sample_frames(RED_CIRCLE, FramePolicy(backend=VideoBackend.DECORD)).backend is VideoBackend.DECORD
    assert "decord" not in sys.modules


@pytest.mark.serial
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGSEGV, r"made the process that decoded it crash \(SIGSEGV\): it is damaged"),
        (signal.SIGKILL, "the system killed, as it does where memory runs out"),
        (signal.SIGXCPU, "takes more than 90 s to decode"),
    ],
)
def test_a_decoder_that_dies_is_one_sentence_and_the_next_file_is_read(number, said):
    with pytest.raises(DecoderDiedError, match=rf"^red_circle\.mp4 .*{said}"):
        decoders_of_killed(number, SLOW)
    assert len(sample_frames(RED_CIRCLE, FramePolicy(num_frames=2)).frames) == 2


@pytest.mark.serial
def test_where_another_decoder_crashes_pyav_decodes():
    assert VideoBackend.PYAV in decoders_of_killed(signal.SIGSEGV, FramePolicy(num_frames=300))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "seconds", "number"), [("pass", 60, signal.SIGXCPU), ("time.sleep(9)", 1, signal.SIGALRM)]
)
def test_a_process_that_takes_too_long_is_ended(at, seconds, number):
    code = (
        "import time; from vtg_core.video.isolation.confinement import limit_time\n"
        f"limit_time(1, seconds={seconds})\n"
        f"while True: {at}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ASSETS.parent, check=False)
    assert done.returncode == -number


def test_when_the_process_that_serves_is_killed_another_one_does():
    killed = server()
    os.kill(killed, signal.SIGKILL)
    assert is_gone(killed)
    assert server() != killed


def test_a_fork_that_may_have_no_children_decodes_as_well():
    server()
    context = get_context("fork")
    ours, theirs = context.Pipe()
    worker = context.Process(
        target=lambda: theirs.send(sample_frames(RED_CIRCLE, SLOW).frames.shape), daemon=True
    )
    worker.start()
    assert ours.poll(30)
    assert ours.recv() == (300, 180, 320, 3)
    worker.join()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None], ids=str)
def test_no_process_is_left_when_the_program_ends(how):
    program = subprocess.Popen(
        [sys.executable, "-c", DECODES_AND_WAITS, str(RED_CIRCLE)],
        cwd=ASSETS.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    decoder = int(program.stdout.readline())
    if how is not None:
        program.send_signal(how)
    program.communicate(timeout=30)
    assert is_gone(decoder)


def test_a_confined_process_opens_the_one_file_and_nothing_else(tmp_path):
    other = tmp_path / "other"
    other.write_text("secret")
    command = [sys.executable, "-c", OPENS, str(RED_CIRCLE), str(other)]
    done = subprocess.run(command, cwd=ASSETS.parent, capture_output=True, text=True, check=True)
    is_held, tried = done.stdout.splitlines()
    if is_held == "False":
        pytest.skip("this kernel has no Landlock")
    assert tried == "done PermissionError PermissionError PermissionError"


def test_tokens_of_the_environment_are_not_given_to_what_decodes(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    os.kill(server(), signal.SIGKILL)
    assert b"secret" not in Path(f"/proc/{server()}/environ").read_bytes()

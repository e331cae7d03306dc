import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ASSETS
from vtg_core.audit.foreign.collators import module_files
from vtg_core.checkpoints.source import loaded_files
from vtg_core.commands.cli import main
from vtg_core.demo.models import demo_folder

SAMPLE = (
    "--query",
    "a red circle appears",
    "--window",
    "8",
    "14",
    "--num-frames",
    "4",
    "--answer",
    "standard",
)
COLLATOR = "from vtg_core.recipes import pad_only as collate\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with an input of every kind."""
    rows = [{"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": "a red circle appears"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    shutil.copy(ASSETS / "red_circle.mp4", tmp_path)
    (tmp_path / "batch.pt").write_bytes(b"a batch")
    package = tmp_path / "their_package_of_collators"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "masks.py").write_text(COLLATOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


MASKS = "their_package_of_collators/masks.py"


THEIRS = "their_package_of_collators.masks:collate"
SAMPLE_OF = ("--video", "red_circle.mp4", *SAMPLE)
ROWS_OF = ("--annotations", "rows.json")


@pytest.mark.parametrize(
    ("arguments", "read", "what"),
    [
        (("inspect", *SAMPLE_OF, "--json"), "red_circle.mp4", "the file of --video"),
        (("loss", *SAMPLE_OF, "--json"), "red_circle.mp4", "the file of --video"),
        (("compare", *ROWS_OF, "--json"), "rows.json", "the file of --annotations"),
        (("compare", *ROWS_OF, "--csv"), "rows.json", "the file of --annotations"),
        (("audit", *ROWS_OF, "--json"), "rows.json", "the file of --annotations"),
        (("audit", *ROWS_OF, "--csv"), "red_circle.mp4", "the video of rows.json:1, row 1"),
        (("audit", "--batch", "batch.pt", "--json"), "batch.pt", "the file of --batch"),
        (("audit", *ROWS_OF, "--collator", THEIRS, "--json"), MASKS, "the code of --collator"),
    ],
)
def test_what_a_command_reads_is_never_written(folder, capsys, arguments, read, what):
    os.link(read, "link")
    before = contents(folder)
    for out in (read, f"./{read}", "link"):
        with pytest.raises(SystemExit) as left:
            main([*arguments, out])
        said = capsys.readouterr().err
        assert left.value.code == 2
        assert f"error: {arguments[-1]} must not be a file that is read, and " in said
        assert said.endswith(f" is {what}: name another file\n")
    assert contents(folder) == before


def test_a_file_of_the_checkpoint_is_never_written_and_a_result_beside_it_is(user_cache, folder, capsys):
    checkpoint = folder / "checkpoint"
    shutil.copytree(demo_folder("demo"), checkpoint)
    command = ("inspect", "--video", "red_circle.mp4", *SAMPLE, "--checkpoint", "checkpoint", "--json")
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with pytest.raises(SystemExit):
            main([*command, f"checkpoint/{name}"])
        assert f"'checkpoint/{name}' is a file of --checkpoint" in capsys.readouterr().err
    assert main([*command, "checkpoint/inspected.json"]) == 0
    assert main([*command, "checkpoint/inspected.json"]) == 0


def test_every_file_of_a_demo_is_one_that_is_loaded(user_cache):
    folder = demo_folder("demo")
    assert sorted(loaded_files("demo")) == sorted(loaded_files(str(folder))) == sorted(folder.iterdir())
    assert list(loaded_files("some/model")) == list(loaded_files("")) == []


def test_the_code_of_a_collator_is_found_without_running_it(folder):
    package = folder / "their_package_of_collators"
    (package / "__init__.py").write_text("raise SystemExit")
    assert list(module_files("their_package_of_collators.masks:collate")) == [
        package / "__init__.py", package / "masks.py",
    ]  # fmt: skip
    for name in ("no_such_package.masks:f", "sys:f", "", ":", "a..b:c"):
        assert list(module_files(name)) == []


@pytest.mark.parametrize("command", ["audit", "compare"])
@pytest.mark.parametrize("outs", [("out", "./out"), ("out", "OUT"), ("-", "-"), ("link", "out")])
def test_json_and_csv_are_two_files(folder, capsys, command, outs):
    os.symlink("out", "link")
    before = contents(folder)
    with pytest.raises(SystemExit) as left:
        main([command, "--annotations", "rows.json", "--json", outs[0], "--csv", outs[1]])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("error: --json ") == 1
    assert contents(folder) == before


def test_a_name_writes_nothing_but_text_to_the_terminal(folder, capsys):
    shutil.copy("rows.json", "\x1b[31mrows.json")
    with pytest.raises(SystemExit):
        main(["audit", "--annotations", "\x1b[31mrows.json", "--json", "red_circle.mp4"])
    assert "is the video of \\x1b[31mrows.json:1, row 1: name" in capsys.readouterr().err


AUDIT_ON_A_FULL_DISK = """
import resource, signal, sys
from vtg_core.commands.cli import main
main(sys.argv[1:-4])  # whatever the libraries write on their first import is written
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))  # no file grows past 200 bytes, as on a disk that is full
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_results_whole(user_cache, folder):
    outs = {"--json": folder / "out.json", "--csv": folder / "out.csv"}
    for out in outs.values():
        out.write_text("old")
    command = [
        "audit",
        *ROWS_OF,
        "--num-frames",
        "4",
        *(word for pair in outs.items() for word in map(str, pair)),
    ]
    ran = subprocess.run(
        [sys.executable, "-B", "-c", AUDIT_ON_A_FULL_DISK, *command], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ASSETS.parent)},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.count("our own collator: 1 row, ")) == (1, 2)
    assert ran.stderr.endswith(
        f"error: --json must name a file that can be written, and '{folder}/out.json' cannot: File too large\n"
    )
    assert [out.read_text() for out in outs.values()] == ["old", "old"]
    assert list(folder.glob(".*")) == []

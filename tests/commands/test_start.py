"""One program with three doors: ``vtg-lens``, ``python app.py`` and ``python -m vtg_core``."""

import io
import re
import subprocess
import sys

import pytest

from vtg_core.commands.start import main, page_parser, page_settings


def refused(capsys, *arguments):
    """Give the program what it refuses as wrong usage; return the last line that it says."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("/home/me/.local/bin/vtg-lens", "vtg-lens"),
        ("app.py", "python app.py"),
        ("/src/vtg_core/__main__.py", "python -m vtg_core"),
    ],
)
def test_help_and_errors_say_how_the_program_was_called(called, name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [called])
    assert page_parser().format_help().startswith(f"usage: {name} [options]\n")
    assert refused(capsys, "--port", "none").startswith(f"{name}: error: ")
    assert refused(capsys, "inspect").startswith(f"{name} inspect: error: ")


def test_what_stands_first_and_is_no_option_is_a_command(capsys):
    assert "invalid choice: 'draw'" in refused(capsys, "draw")
    assert main(["audit", "--annotations", "rows.json", "--csv", "no/such/folder/out.csv"]) == 1
    assert capsys.readouterr().err.startswith("error: --csv must name a file that can be written")


def test_an_option_of_the_page_before_a_command_is_refused_and_not_lost(capsys):
    line = refused(capsys, "--port", "7861", "compare", "--annotations", "rows.json")
    assert re.search(r"a command stands first: .* compare \[options\]$", line)


def test_the_options_of_a_file_need_a_file(capsys):
    assert "--clip speaks of the rows of --annotations, or of files under" in refused(capsys, "--clip")


def test_what_the_page_cannot_start_with_is_one_sentence(capsys):
    assert main(["--batch", "none\x1b[2J.safetensors"]) == 1
    assert capsys.readouterr().err == (
        "error: --batch must be a file that exists, got 'none\\x1b[2J.safetensors'\n"
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--endpoint", "http://127.0.0.1:9/v1"], "--endpoint and --model belong together"),
        (["--model", "m"], "--endpoint and --model belong together"),
        (
            ["--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "--public"],
            "would let every visitor of --public ask",
        ),
    ],
)
def test_a_model_that_writes_templates_is_named_whole_and_not_lent_to_strangers(given, says, capsys):
    assert says in refused(capsys, *given)


def test_an_address_that_is_nobodys_is_one_sentence(capsys):
    assert main(["--host", "256.0.0.1", "--public"]) == 1
    assert capsys.readouterr().err.startswith("error: the page cannot be served at 256.0.0.1: ")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "gpu7"])
def test_other_machines_are_let_in_only_where_that_was_said(host, capsys):
    line = refused(capsys, "--host", host)
    assert f"--host {host} lets other machines in: say under which names with --allow-host" in line


@pytest.mark.parametrize("name", ["*", "a*b", "gpu7:7860", "http://gpu7", "", "*.", "a b", "gpü7"])
def test_a_host_name_that_is_none_is_refused(name, capsys):
    assert "must be a host name without a port" in refused(capsys, "--allow-host", name)


def test_a_name_without_a_password_is_refused(capsys, monkeypatch):
    monkeypatch.delenv("VTG_LENS_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["--auth", "ann"]) == 1
    assert "put it into the environment variable VTG_LENS_PASSWORD" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "names", "says"),
    [
        (["--public"], ["*"], "as any name, without a password (--auth USER asks for one)"),
        (["--allow-host", "gpu7", "--allow-host", "*.lab", "--auth", "ann"],
         ["127.0.0.1", "localhost", "[::1]", "gpu7", "*.lab"], "as gpu7, *.lab, with a password"),
    ],
)  # fmt: skip
def test_what_other_machines_get_is_said_at_the_start(given, names, says, capsys, monkeypatch):
    served = {}
    monkeypatch.setenv("VTG_LENS_PASSWORD", "swordfish")
    monkeypatch.setattr("gradio.Blocks.launch", lambda _, **options: served.update(options))
    assert main(["--host", "0.0.0.0", *given]) == 0
    assert served["app_kwargs"]["middleware"][-1].kwargs["allowed_hosts"] == names
    assert served["auth"] == (("ann", "swordfish") if "--auth" in given else None)
    assert says in (said := capsys.readouterr().err)
    assert "swordfish" not in said


def test_without_options_the_page_starts_on_the_demo():
    settings = page_settings(page_parser().parse_args([]))
    assert (settings.checkpoint, settings.annotations, settings.batch) == ("demo", (), None)


@pytest.mark.parametrize("door", [["app.py"], ["-m", "vtg_core"]])
def test_every_door_of_a_checkout_opens(door, pytestconfig):
    command = [sys.executable, *door, "--version"]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "vtg-lens 0.1.0\n")


def test_help_imports_nothing_heavy():
    code = (
        "import sys, vtg_core.commands.start\n"
        "try: vtg_core.commands.start.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'torch', 'transformers', 'gradio', 'numpy', 'av'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0

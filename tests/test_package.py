"""The package as people install it: built once, put into an environment of its own, run from another folder."""

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ASSETS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
WITHOUT_NETWORK = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
CARRIED = {".js", ".css", ".json", ".mp4", ".safetensors"}
"""The assets that the program needs; of pictures only the icon is one."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what the package is built from, so that nothing is built into the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("app.py", "pyproject.toml", "README.md", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    for name in ("assets", "tests", "vtg_core"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(*command, cwd, **changed):
    """Run a command without the paths that the tests run with; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | changed
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built_wheel(source, out):
    run(sys.executable, "-m", "pip", "wheel", ".", *WITHOUT_NETWORK, "--wheel-dir", out, cwd=source)
    [wheel] = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    return built_wheel(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The ``bin`` of a fresh environment: the wheel, and what it stands on from where the tests have it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "tests_own.pth").write_text(sysconfig.get_paths()["purelib"])
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", *WITHOUT_NETWORK, wheel, cwd=folder)
    return folder / "bin"


def contents(wheel):
    """From each file of a wheel to its bytes, without the list of them."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


def test_a_wheel_holds_every_module_and_what_the_page_needs_and_nothing_else(wheel):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "vtg_core").rglob("*.py")}
    assets = {
        f"vtg_core/assets/{path.name}"
        for path in ASSETS.iterdir()
        if path.suffix in CARRIED or path.name == "favicon.png"
    }
    held = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert held == modules | assets | {"vtg_core/py.typed"}


def test_a_source_archive_builds_the_same_wheel(checkout, wheel, tmp_path):
    build = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=checkout)
    [archive] = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path)
    again = built_wheel(tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path)
    assert contents(again) == contents(wheel)


def test_the_wheel_needs_what_requirements_txt_lists(wheel):
    [metadata] = (text for name, text in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    asked = email.message_from_bytes(metadata).get_all("Requires-Dist")
    needed = [re.match(r"\w+", line)[0] for line in asked if "extra ==" not in line]
    listed = re.findall(r"^(\w+)>=", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert needed == listed


def test_the_installed_program_is_called_by_its_name(installed, tmp_path):
    printed = run(installed / "vtg-lens", "--help", cwd=tmp_path)
    assert printed.startswith("usage: vtg-lens [options]\n       vtg-lens COMMAND [options]\n")
    assert re.findall(r"^    (\w+) ", printed, re.MULTILINE) == [
        "inspect",
        "loss",
        "compare",
        "audit",
        "data",
        "probe",
        "spikes",
        "templates",
    ]
    assert run(installed / "vtg-lens", "--version", cwd=tmp_path) == "vtg-lens 0.1.0\n"


def test_the_installed_package_finds_its_own_scripts_style_and_clips(installed, tmp_path):
    code = "from vtg_core.files.assets import asset_folder; print(asset_folder())"
    folder = Path(run(installed / "python", "-c", code, cwd=tmp_path).strip())
    assert folder.is_relative_to(installed.parent)
    assert all((folder / name).is_file() for name in ("dashboard.css", "shared.js", "red_circle.mp4"))


def test_the_installed_page_is_built_from_another_folder(installed, tmp_path):
    code = (
        "from vtg_core.dashboard import Settings, build_dashboard, launch_options\n"
        "page = build_dashboard(Settings())\n"
        "print(all(path.is_file() for path in launch_options()['css_paths']), 'red_circle.mp4' in str(page.config))"
    )
    printed = run(installed / "python", "-c", code, cwd=tmp_path, GRADIO_TEMP_DIR=str(tmp_path))
    assert printed == "True True\n"


def test_the_installed_audit_runs_from_another_folder(installed, tmp_path):
    [rows] = installed.parent.rglob("demo_annotations.json")
    command = ["audit", "--annotations", rows, "--limit", "2", "--num-frames", "12", "--verify", "0"]
    printed = run(installed / "vtg-lens", *command, cwd=tmp_path)
    assert printed.startswith("our own collator: 2 of 4 rows\n")

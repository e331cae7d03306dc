"""The versions that are installed: what the requirements allow, and the exact ones of ``constraints.txt``."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FILES = ("requirements.txt", "requirements-dev.txt")


def requirements():
    lines = [line for name in FILES for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line.split(" #")[0]) for line in lines if re.match(r"[A-Za-z]", line)]


def pinned():
    """The versions that the constraints hold of each package; several where platforms or Pythons differ."""
    versions = defaultdict(set)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Za-z]", line):
            one = Requirement(line.split(" #")[0])
            [specifier] = one.specifier
            assert specifier.operator == "==", line
            versions[canonicalize_name(one.name)].add(specifier.version)
    return versions


@pytest.mark.parametrize("requirement", requirements(), ids=lambda one: one.name)
def test_a_requirement_is_pinned_to_versions_that_it_allows(requirement):
    versions = pinned()[canonicalize_name(requirement.name)]
    assert versions
    assert all(requirement.specifier.contains(version) for version in versions)


def test_what_the_requirements_bring_with_them_is_pinned_too():
    assert {"fastapi", "safetensors", "jinja2", "pydantic"} <= set(pinned())


def targets_of(name):
    return set(re.findall(r"^(\w[\w-]*):", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_workflow_runs_what_people_run():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    [matrix] = re.findall(r"target: \[(.*)\]", workflow)
    assert set(matrix.split(", ")) == {"latest", "oldest"}
    assert {"latest", "oldest", "lock", "check", "test", "test-all"} <= targets_of("Makefile")
    assert "bash .ci/run" in workflow
    ran = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"\bmake ([\w-]+)", ran) == ["check", "test-all"]

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.commands.cli import main


def test_languages_stand_side_by_side(capsys):
    assert main(["templates", "--answer", "standard", "--language", "en,zh"]) == 0
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title.split() == ["mode", "template", "en", "zh"]
    assert rows[0].split()[:2] == ["standard", "direct"]
    assert rows[8].split()[0] == "mean"
    assert rows[-1] == "tokens of demo, the query left out"


def test_all_languages_are_counted_unless_some_are_named(capsys, processor):
    assert main(["templates", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    first = found["templates"][0]
    assert list(first["tokens"]) == ["en", "zh", "ja", "ko", "es", "de", "fr", "ar", "hi"]
    words = 'Find when "" occurs in the video.\nAnswer with: [start, end]'
    [concise] = [t for t in found["templates"] if (t["mode"], t["template"]) == ("standard", "concise")]
    assert concise["tokens"]["en"] == len(processor.tokenizer.encode(words, add_special_tokens=False))
    assert concise["characters"]["en"] == len(words)


def test_a_file_of_ones_own_is_counted(tmp_path, capsys):
    (tmp_path / "own.yaml").write_text("- {name: a, text: 'Bul: {query}', language: tr}\n")
    assert main(["templates", "--templates", str(tmp_path / "own.yaml")]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["mode", "template", "tr"]


def test_another_language_is_wrong_usage(capsys):
    with pytest.raises(SystemExit):
        main(["templates", "--language", "tlh"])
    assert "must be among en, zh" in capsys.readouterr().err


def test_the_templates_of_a_language_are_inspected(tmp_path, capsys):
    out = tmp_path / "out.json"
    sample = [
        "--video",
        str(ASSETS / "red_circle.mp4"),
        "--query",
        "a red circle appears",
        "--window",
        "8",
        "14",
    ]
    options = ["--num-frames", "4", "--language", "ar,ja", "--answer", "standard", "--template", "concise"]
    assert main(["inspect", *sample, *options, "--json", str(out)]) == 0
    first, second = json.loads(out.read_text())["samples"]
    assert (first["template"], second["template"]) == ("concise_ar", "concise_ja")
    assert first["prompt"].startswith("متى يحدث «a red circle appears» في الفيديو")
    assert first["answer"] == second["answer"] == "[8.0, 14.0]"


def test_other_tasks_are_inspected_in_their_own_answer_form(tmp_path):
    out = tmp_path / "out.json"
    sample = ["--video", str(ASSETS / "two_events.mp4"), "--query", "a red circle", "--num-frames", "4"]
    windows = ["--window", "20", "26", "--window", "8", "14"]
    assert (
        main(["inspect", *sample, *windows, "--task", "first", "--template", "concise", "--json", str(out)])
        == 0
    )
    [first] = json.loads(out.read_text())["samples"]
    assert (first["template"], first["mode"], first["answer"]) == ("concise", "standard", "[8.0, 14.0]")

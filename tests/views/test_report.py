"""The report as one document, and what a notebook shows of it."""

import json
import re
import subprocess
from html import unescape
from shutil import which

import pytest

from tests.hostile_strings import packed
from vtg_core import (
    TEMPLATES,
    Sample,
    SFTCollator,
    VTGError,
    Window,
    inspect_templates,
    show,
)
from vtg_core.data.answers import ANSWER_FORMATS
from vtg_core.views.report import notebook
from vtg_core.views.report.bundle import bundle
from vtg_core.views.report.document import empty_document

QUERY = "a red circle appears"


@pytest.fixture
def samples(video):
    """The same question in two templates."""
    return [
        Sample(video, QUERY, (Window(8, 14),), template, ANSWER_FORMATS[template.mode])
        for template in (TEMPLATES[0], TEMPLATES[-1])
    ]


def shown_in(document):
    """What a report shows, as it stands in the document."""
    [shown] = re.findall(
        r'<script type="application/json" id="vtg-report">(.*?)</script>', document, re.DOTALL
    )
    return json.loads(shown)


def saved(tmp_path, what, processor, **options):
    show(what, processor, save_to=tmp_path / "report.html", **options)
    return (tmp_path / "report.html").read_text()


def test_the_scripts_of_the_report_are_one_script_without_a_module(tmp_path):
    script = bundle("report")
    assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == []
    assert "</script" not in script
    if which("node"):
        (tmp_path / "report.js").write_text(script)
        subprocess.run(["node", "--check", str(tmp_path / "report.js")], check=True)


def test_the_empty_report_shows_nothing_and_names_no_address():
    document = empty_document()
    assert shown_in(document) is None
    assert set(re.findall(r"https?://[^\s\"'`]+", document)) == {"http://www.w3.org/2000/svg"}


def test_samples_are_shown_with_their_tokens_and_what_was_found(samples, processor, tmp_path):
    rows = shown_in(saved(tmp_path, samples, processor))["rows"]
    assert [row["name"] for row in rows] == [
        f"{sample.template.mode}/{sample.template.name}" for sample in samples
    ]
    assert rows[0]["about"][0] == ["Query", QUERY]
    assert rows[0]["strip"]["num_errors"] == 0
    assert rows[0]["film"]["picture"].startswith("data:image/jpeg;base64,")
    assert sum(end - start for start, end in rows[0]["tokens"]["trained"]) == 12


def test_an_inspection_is_shown_as_its_sample(video, processor, tmp_path):
    found = inspect_templates(video, QUERY, [Window(8, 14)], processor=processor, templates=TEMPLATES[:1])
    assert shown_in(saved(tmp_path, list(found), processor))["rows"][0]["name"] == "standard/direct"


def test_a_batch_is_shown_with_what_its_labels_do_wrong(samples, processor, tmp_path):
    batch = SFTCollator(processor)(samples)
    batch["labels"][0] = batch["input_ids"][0]
    rows = shown_in(saved(tmp_path, batch, processor))["rows"]
    assert [row["name"] for row in rows] == ["row 0", "row 1"]
    assert rows[0]["strip"]["num_errors"] > 0
    assert {code for _, _, code in rows[0]["tokens"]["verdicts"]} == {1, 2}


def test_a_notebook_shows_a_frame_that_can_reach_nothing_around_it(samples, processor):
    report = notebook._report(samples, notebook.ChatIds.of(processor))
    document = notebook.report_document(report)
    frame = notebook.Shown(document, 300)._repr_html_()
    [(sandbox, inner)] = re.findall(r'<iframe sandbox="([^"]*)"[^>]* srcdoc="([^"]*)"', frame)
    assert "allow-same-origin" not in sandbox
    assert unescape(inner) == document
    assert "height:300px" in frame


def test_outside_of_a_notebook_it_says_what_it_would_show(samples, processor, capsys):
    show(samples[0], processor)
    assert capsys.readouterr().out.startswith("1 to show (standard/direct): ")


def test_a_hostile_query_stays_a_text(video, processor, tmp_path):
    for query in packed(1_900, drop="\0\ud800"):
        sample = Sample(video, query, (Window(8, 14),), TEMPLATES[0], ANSWER_FORMATS[TEMPLATES[0].mode])
        document = saved(tmp_path, sample, processor)
        assert shown_in(document)["rows"][0]["about"][0][1] == query
        assert document.count("</script>") == 2


@pytest.mark.parametrize("what", [[], {}, 3, [3], "text"])
def test_what_cannot_be_shown_is_refused(what, processor):
    with pytest.raises(VTGError):
        show(what, processor)

import csv
import io
import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.checkpoints.loading import load_model
from vtg_core.commands.cli import main
from vtg_core.commands.compare import SORTS
from vtg_core.comparison.analytics import Metric
from vtg_core.comparison.files import CSV_COLUMNS, JSON_KEYS

DEMO = (
    "compare",
    "--annotations",
    str(ASSETS / "demo_annotations.json"),
    "--num-frames",
    "4",
    "--device",
    "cpu",
)
TWO = ("--templates", "direct", "concise", "--answer", "standard")


def compare(capsys, *arguments, command=DEMO):
    status = main([*command, *map(str, arguments)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def rows_file(folder, rows):
    file = folder / "rows.json"
    file.write_text(json.dumps(rows))
    return (
        "compare",
        "--annotations",
        str(file),
        "--video-root",
        str(ASSETS),
        "--num-frames",
        "4",
        "--device",
        "cpu",
    )


def row_of(query="a red circle", video="red_circle.mp4"):
    return {"video": video, "timestamp": [8, 14], "sentence": query}


class Breaking:
    """Makes the model raise at its pass ``number``, from 1; the pass itself is the real one."""

    def __init__(self, number, error):
        self.number, self.error, self.passes = number, error, 0

    def __enter__(self):
        model = load_model("demo", device="cpu", dtype="float32")
        self.hook = model.model.visual.register_forward_pre_hook(self)  # once a row: the video is shared
        return self

    def __call__(self, *_):
        self.passes += 1
        if self.passes == self.number:
            raise self.error

    def __exit__(self, *_):
        self.hook.remove()


def test_every_template_on_every_row_is_in_the_table_and_in_both_files(capsys, tmp_path):
    status, printed, told = compare(capsys, "--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv")
    assert status == 0
    assert "4 rows x 16 templates, demo in float32" in printed
    assert "4 rows x 16 templates with demo on cpu in float32\none pass a row: " in told
    written = json.loads((tmp_path / "o.json").read_text())
    lines = list(csv.DictReader((tmp_path / "o.csv").open(newline="")))
    assert tuple(written) == JSON_KEYS
    assert (written["partial"], len(written["results"]), len(written["summary"])) == (False, 64, 16)
    assert tuple(lines[0]) == CSV_COLUMNS
    assert [float(line["sum_nll"]) for line in lines] == [result["sum_nll"] for result in written["results"]]


def test_each_row_is_told_as_soon_as_it_is_scored(capsys):
    _, _, told = compare(capsys, *TWO, "--limit", 2)
    lines = told.splitlines()
    assert [line.split(", ")[0:2] for line in lines[-2:]] == [
        ["demo_annotations.json:2", "row 1"], ["demo_annotations.json:3", "row 2"],
    ]  # fmt: skip
    assert "mean NLL: standard: " in lines[-1]


def best_first(printed):
    lines = printed.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("---"))
    return [line.split()[:2] for line in lines[at + 1 : lines.index("", at)]]


def test_the_table_is_sorted_by_what_is_asked_for_within_each_answer_format(capsys, tmp_path):
    out = ("--json", tmp_path / "o.json")
    compare(capsys, *out)
    found = {}
    for sort in SORTS:
        _, printed, told = compare(capsys, *out, "--sort", sort)
        assert told == f"4 of 4 rows are in '{out[1]}' already\n"
        written = json.loads(out[1].read_text())
        means = {(s["template"], s["mode"]): s["by_metric"][sort]["mean"] for s in written["summary"]}
        found[sort] = [(name, mode) for name, mode in best_first(printed)]
        assert found[sort] == sorted(means, key=lambda key: (key[1], means[key]))
        assert written["comparison"]["metric"] == sort
    assert len(set(map(tuple, found.values()))) > 1


def test_the_sorts_are_the_metrics_there_are():
    assert tuple(Metric) == SORTS


@pytest.mark.parametrize(
    ("baseline", "found"),
    [
        ("task", {"standard": "task", "temporal_tokens": "task"}),
        ("standard/task", {"standard": "task", "temporal_tokens": "direct"}),
        (None, {"standard": "direct", "temporal_tokens": "direct"}),
    ],
)
def test_a_baseline_is_one_template_or_its_name_in_both_formats(capsys, tmp_path, baseline, found):
    arguments = () if baseline is None else ("--baseline", baseline)
    compare(capsys, "--limit", 1, "--json", tmp_path / "o.json", *arguments)
    written = json.loads((tmp_path / "o.json").read_text())
    assert written["comparison"]["baselines"] == found
    assert {(s["template"], s["mode"]) for s in written["summary"] if s["difference"] is None} == {
        (name, mode) for mode, name in found.items()
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--verify", "-1"), "must be a whole number of at least 0, got '-1'"),
        (("--verify", "one"), "must be a whole number of at least 0, got 'one'"),
        (("--limit", "0"), "must be a whole number of at least 1, got '0'"),
        (("--templates", "loud"), "invalid choice: 'loud'"),
        (("--baseline", "loud"), "--baseline must be one of the templates compared"),
        (("--baseline", "task", *TWO), "--baseline must be one of the templates compared (standard/direct, standard/concise)"),
        (("--baseline", ""), "got ''"),
        (("--json", "-", "--csv", "-"), "would both write to stdout"),
        (("--json", "out", "--csv", "./out"), "must name two files"),
        (("--sort", "loud"), "invalid choice: 'loud'"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_2_and_says_what_is_right(capsys, arguments, said):
    with pytest.raises(SystemExit) as left:
        main([*DEMO, *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--json", "--csv"])
@pytest.mark.parametrize("out", ["no/such/folder/out", "", "."])
def test_a_file_that_cannot_be_written_is_told_before_the_run(capsys, monkeypatch, option, out):
    monkeypatch.setattr(
        "vtg_core.checkpoints.loading.load_model", lambda *_, **__: pytest.fail("the run began")
    )
    status, printed, told = compare(capsys, option, out)
    assert (status, printed) == (1, "")
    assert told.startswith(f"error: {option} must name a file that can be written")


@pytest.mark.parametrize("option", ["--json", "--csv"])
@pytest.mark.parametrize("content", ['{"a": 1}', "name,age\n", '{"schema": 1, "settings"', "\x00"])
def test_a_file_of_something_else_is_refused_before_the_run(capsys, monkeypatch, tmp_path, option, content):
    monkeypatch.setattr(
        "vtg_core.checkpoints.loading.load_model", lambda *_, **__: pytest.fail("the run began")
    )
    out = tmp_path / "out"
    out.write_text(content)
    status, _, told = compare(capsys, option, out)
    assert (status, told.count("\n"), out.read_text()) == (1, 1, content)
    assert told.startswith(f"error: {option} must name a new file or a comparison to go on with")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--checkpoint", "demo-qwen2.5-vl", *TWO), "checkpoint"),
        (("--dtype", "float16", *TWO), "dtype"),
        (("--max-pixels", "20000", *TWO), "frames"),
        ((), "templates"),
    ],
)
def test_another_comparison_in_the_file_is_refused(capsys, tmp_path, options, name):
    out = tmp_path / "o.csv"
    compare(capsys, *TWO, "--limit", 1, "--csv", out)
    before = out.read_bytes()
    status, _, told = compare(capsys, *options, "--csv", out)
    assert (status, out.read_bytes()) == (1, before)
    assert f"holds a comparison with {name} " in told


def test_a_checkpoint_that_was_trained_again_is_another(capsys, tmp_path, without_temporal_tokens):
    out, name = tmp_path / "o.json", str(without_temporal_tokens)
    assert compare(capsys, *TWO, "--limit", 1, "--checkpoint", name, "--json", out)[0] == 0
    before = out.read_bytes()
    os.utime(without_temporal_tokens / "model.safetensors")
    status, _, told = compare(capsys, *TWO, "--checkpoint", name, "--json", out)
    assert (status, out.read_bytes(), told.count("\n")) == (1, before, 1)
    assert "was made before the files of its checkpoint or adapter changed" in told


@pytest.mark.parametrize(
    ("options", "checked"), [((), [0]), (("--verify", "0"), []), (("--verify", "2"), [0, 1])]
)
def test_the_first_rows_are_checked_against_plain_passes(capsys, tmp_path, options, checked):
    _, _, told = compare(capsys, *TWO, *options, "--json", tmp_path / "o.json")
    written = json.loads((tmp_path / "o.json").read_text())["checks"]
    assert [check["row"] for check in written] == checked
    assert all(check["largest_difference"] < 1e-5 for check in written)
    lines = [line for line in told.splitlines() if line.startswith("checked: standard/concise of row ")]
    assert len(lines) == len(checked)


def test_a_longer_run_goes_on_where_a_shorter_one_ended(capsys, tmp_path):
    out = ("--json", tmp_path / "o.json")
    compare(capsys, *TWO, "--limit", 1, *out)
    first = json.loads(out[1].read_text())["results"]
    with Breaking(0, None) as count:
        status, printed, told = compare(capsys, *TWO, "--verify", 0, *out)
    assert (status, count.passes) == (0, 3)
    assert told.startswith(f"1 of 4 rows are in '{out[1]}' already\n")
    results = json.loads(out[1].read_text())["results"]
    assert results[:2] == first
    assert [result["row"] for result in results] == [0, 0, 1, 1, 2, 2, 3, 3]
    whole = ("--json", tmp_path / "whole.json")
    assert compare(capsys, *TWO, *whole)[1] == printed
    assert json.loads(whole[1].read_text())["results"] == results


def test_a_run_with_nothing_left_to_do_loads_no_model(capsys, monkeypatch, tmp_path):
    compare(capsys, *TWO, "--json", tmp_path / "o.json")
    monkeypatch.setattr(
        "vtg_core.checkpoints.loading.load_model", lambda *_, **__: pytest.fail("it was loaded")
    )
    assert compare(capsys, *TWO, "--json", tmp_path / "o.json", "--csv", tmp_path / "new.csv")[0] == 0
    assert len((tmp_path / "new.csv").read_text().splitlines()) == 9


class Signalling(Breaking):
    """Sends the process a signal at the model's pass ``number``."""

    def __call__(self, *_):
        self.passes += 1
        if self.passes == self.number:
            signal.raise_signal(self.error)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_of_a_row_keeps_the_rows_before_it(capsys, tmp_path, sent):
    out = tmp_path / "o.json"
    with Signalling(3, sent) as broken:
        status, printed, _ = compare(capsys, *TWO, "--verify", 0, "--json", out)
    written = json.loads(out.read_text())
    assert (status, broken.passes, written["partial"], len(written["summary"])) == (1, 3, True, 2)
    assert [result["row"] for result in written["results"]] == [0, 0, 1, 1]
    assert "stopped before the last row" in printed


def test_a_bug_in_the_middle_of_a_run_keeps_what_is_done(capsys, monkeypatch, tmp_path):
    told_of = []

    def broken(compared, sort):
        told_of.append(compared.row)
        if compared.row == 2:
            raise ZeroDivisionError("a bug")
        return ""

    monkeypatch.setattr("vtg_core.commands.compare._line", broken)
    status, _, told = compare(capsys, *TWO, "--json", tmp_path / "o.json")
    assert (status, told_of) == (1, [0, 1, 2])
    assert "VTG Lens itself failed, please report it: ZeroDivisionError" in told
    written = json.loads((tmp_path / "o.json").read_text())
    assert (written["partial"], [result["row"] for result in written["results"]]) == (
        True,
        [0, 0, 1, 1, 2, 2],
    )


def test_a_file_that_another_program_changes_meanwhile_is_left_and_the_table_shown(capsys, tmp_path):
    out = tmp_path / "o.json"

    class Changing(Breaking):
        def __call__(self, *_):
            out.write_text("mine")

    with Changing(0, None):
        status, printed, told = compare(capsys, *TWO, "--limit", 1, "--json", out)
    assert (status, out.read_text(), "1 of 4 rows x 2 templates" in printed) == (1, "mine", True)
    assert "error: --json must be written by one program at a time" in told


def test_a_row_out_of_memory_is_told_and_the_others_are_scored(capsys, tmp_path):
    with Breaking(2, torch.OutOfMemoryError("full")):
        status, printed, _ = compare(capsys, *TWO, "--verify", 0, "--json", tmp_path / "o.json")
    written = json.loads((tmp_path / "o.json").read_text())
    assert status == 0
    assert "1 row cannot be scored:\n  demo_annotations.json:3, row 2: a forward pass over " in printed
    assert [row["row"] for row in written["unreadable"]] == [1]
    assert {result["row"] for result in written["results"]} == {0, 2, 3}
    assert compare(capsys, *TWO, "--json", tmp_path / "o.json")[2].startswith("3 of 4 rows are in ")


def test_rows_that_cannot_be_read_are_listed_and_never_fatal(capsys, tmp_path):
    command = rows_file(tmp_path, [row_of(), row_of(video="gone.mp4"), {"video": "red_circle.mp4"}])
    status, printed, _ = compare(capsys, *TWO, "--json", tmp_path / "o.json", command=command)
    assert status == 0
    assert "2 rows cannot be scored:" in printed
    written = json.loads((tmp_path / "o.json").read_text())
    assert "1 of 3 rows x 2 templates" in printed
    assert sorted(row["row"] for row in written["unreadable"]) == [1, 2]
    assert (written["partial"], len(written["results"])) == (False, 2)


def test_a_file_of_which_nothing_can_be_scored_is_exit_1(capsys, tmp_path):
    command = rows_file(tmp_path, [row_of(video="gone.mp4"), {"video": "red_circle.mp4"}])
    status, printed, _ = compare(capsys, "--json", tmp_path / "o.json", command=command)
    assert status == 1
    assert "rows.json: 0 of 2 rows x 16 templates" in printed
    assert json.loads((tmp_path / "o.json").read_text())["results"] == []


HOSTILE = [
    'say "hi",\nshe said',
    "=HYPERLINK(1)",
    "一个红色的圆圈",
    "{0} %s {x}",
    "\x1b[31mred",
    "'=1",
    "a\r\nb",
]


def test_hostile_queries_come_back_from_both_files(capsys, tmp_path):
    command = rows_file(tmp_path, [row_of(query) for query in HOSTILE])
    outs = ("--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv")
    status, printed, told = compare(capsys, *TWO, *outs, command=command)
    assert status == 0
    assert "\x1b" not in printed + told
    results = json.loads((tmp_path / "o.json").read_text())["results"]
    assert [result["query"] for result in results[::2]] == HOSTILE
    cells = [line["query"] for line in csv.DictReader((tmp_path / "o.csv").open(newline=""))]
    assert cells[2] == "'=HYPERLINK(1)"
    assert "7 of 7 rows are in" in compare(capsys, *TWO, *outs, command=command)[2]


def test_another_query_at_the_same_row_is_refused(capsys, tmp_path):
    out = ("--csv", tmp_path / "o.csv")
    compare(capsys, *TWO, *out, command=rows_file(tmp_path, [row_of()]))
    status, _, told = compare(capsys, *TWO, *out, command=rows_file(tmp_path, [row_of("a dog")]))
    assert status == 1
    assert (
        "holds another row 0 (from 0): its query is 'a red circle', and the annotation file's is 'a dog'"
        in told
    )


def test_json_and_csv_can_go_to_stdout(capsys):
    status, printed, _ = compare(capsys, *TWO, "--limit", 1, "--json", "-")
    assert (status, len(json.loads(printed)["results"])) == (0, 2)
    status, printed, _ = compare(capsys, *TWO, "--limit", 1, "--csv", "-")
    assert (status, len(list(csv.DictReader(io.StringIO(printed))))) == (0, 2)


def test_csv_on_stdout_begins_with_the_rows_that_are_in_the_json(capsys, tmp_path):
    out = ("--json", tmp_path / "o.json")
    compare(capsys, *TWO, "--limit", 1, *out)
    _, printed, _ = compare(capsys, *TWO, "--limit", 2, *out, "--csv", "-")
    assert [line["row"] for line in csv.DictReader(io.StringIO(printed))] == ["0", "0", "1", "1"]


def test_an_interrupt_while_the_model_loads_is_one_line_and_130(capsys, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vtg_core.checkpoints.loading.load_model", interrupted)
    status, printed, told = compare(capsys, "--json", tmp_path / "o.json")
    assert (status, printed, told.splitlines()[-1]) == (130, "", "interrupted")
    assert list(tmp_path.iterdir()) == []


def started(folder, *arguments):
    """Start the command as a person does, on many rows, and wait until the first of them is scored."""
    rows = [row_of(f"a red circle, {number}") for number in range(400)]
    command = [sys.executable, "-u", "-m", "vtg_core", *rows_file(folder, rows), *TWO, *map(str, arguments)]
    running = subprocess.Popen(
        command, cwd=ASSETS.parent, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    for line in running.stderr:
        if ", row 1, mean NLL" in line:
            return running
    raise AssertionError(f"it ended with {running.wait()} before its first row")


@pytest.mark.slow
def test_a_signal_keeps_what_is_done_and_a_second_run_goes_on(capsys, tmp_path):
    out = tmp_path / "o.json"
    running = started(tmp_path, "--json", out)
    running.send_signal(signal.SIGTERM)
    printed, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "stopped before the last row" in printed
    assert "Traceback" not in told
    written = json.loads(out.read_text())
    done = sorted({result["row"] for result in written["results"]})
    assert written["partial"]
    assert done == list(range(len(done)))
    assert 0 < len(done) < 400
    command = rows_file(tmp_path, [row_of(f"a red circle, {number}") for number in range(400)])
    again = compare(capsys, *TWO, "--limit", len(done) + 2, "--json", out, command=command)
    assert again[2].startswith(f"{len(done)} of {len(done) + 2} rows are in ")
    results = json.loads(out.read_text())["results"]
    assert [result["row"] for result in results[::2]] == list(range(len(done) + 2))
    assert results[: 2 * len(done)] == written["results"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.json", "rows.json"]


@pytest.mark.slow
def test_a_reader_that_leaves_early_ends_the_run_and_keeps_the_file(tmp_path):
    out = tmp_path / "o.json"
    running = started(tmp_path, "--json", out, "--csv", "-")
    running.stdout.close()
    told = running.stderr.read()
    assert running.wait(timeout=60) == 1
    assert "Traceback" not in told
    assert 0 < len(json.loads(out.read_text())["results"]) < 800


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_file_that_fills_up_loses_nothing_else(capsys, tmp_path):
    status, printed, told = compare(
        capsys, *TWO, "--limit", 1, "--json", "/dev/full", "--csv", tmp_path / "o.csv"
    )
    assert (status, "1 of 4 rows x 2 templates" in printed) == (1, True)
    assert "error: --json must name a file that can be written" in told
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 3


FORMS = ("--answer", "percent_range", "clock_json", "--limit", 1)


def test_several_answer_forms_are_compared_and_named_in_the_table_and_both_files(capsys, tmp_path):
    out, lines = tmp_path / "o.json", tmp_path / "o.csv"
    status, printed, _ = compare(capsys, *FORMS, "--json", out, "--csv", lines)
    assert status == 0
    assert best_first(printed) == [["concise", "percent_range"], ["concise", "clock_json"]]
    written = json.loads(out.read_text())
    assert written["settings"]["templates"] == ["percent_range/concise", "clock_json/concise"]
    assert [result["answer"] for result in written["results"]] == [
        "27% - 47%",
        '{"start": "00:08", "end": "00:14"}',
    ]
    assert [line["mode"] for line in csv.DictReader(lines.open(newline=""))] == [
        "percent_range",
        "clock_json",
    ]


def test_a_comparison_of_answer_forms_is_gone_on_with_and_not_with_another_form(capsys, tmp_path):
    out = ("--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv")
    compare(capsys, *FORMS, *out)
    status, _, told = compare(capsys, *FORMS, *out)
    assert (status, told.splitlines()[0].split(" in ")[0]) == (0, "1 of 1 row are")
    kept = out[1].read_bytes()
    status, _, told = compare(capsys, "--answer", "percent_range", *out)
    assert (status, out[1].read_bytes()) == (1, kept)
    assert "holds a comparison with templates 'percent_range/concise, clock_json/concise'" in told

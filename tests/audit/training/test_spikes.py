import json

import numpy as np
import pytest
from transformers import Trainer, TrainingArguments

from vtg_core import MaskAudit, SFTCollator, VideoTemporalSFTDataset, load_annotations
from vtg_core.audit.training.robust import Recent, scores
from vtg_core.audit.training.spikes import find_spikes, read_steps
from vtg_core.commands.cli import main
from vtg_core.errors import VTGError
from vtg_core.files.assets import asset_folder
from vtg_core.video.plan import FramePolicy


def falling(num_steps, *, seed=0):
    """Return losses of a run: they fall fast, then slowly, with a tenth of noise."""
    steps = np.arange(num_steps)
    noise = np.random.default_rng(seed).normal(0, 0.1, num_steps)
    return (0.3 + 3 * np.exp(-steps / 8)) * np.exp(noise)


def test_a_falling_loss_has_no_spike_at_its_beginning():
    assert scores(falling(60))[1].max() < 5


def test_a_spike_stands_out_wherever_it_is():
    for at in (1, 20, 59):
        losses = falling(60)
        losses[at] *= 4
        assert np.argmax(scores(losses)[1]) == at


def test_several_steps_in_a_row_do_not_hide_each_other():
    losses = falling(60)
    losses[30:35] += 3
    assert {30, 31, 32, 33, 34} == set(np.argsort(-scores(losses)[1])[:5].tolist())


def test_a_loss_that_is_no_number_stands_out_most():
    losses = falling(60)
    losses[30] = np.nan
    assert np.argmax(scores(losses)[1]) == 30


def test_a_run_in_progress_knows_what_stands_out():
    recent = Recent()
    assert [recent.stands_out(loss) for loss in (*[1.0, 1.1] * 6, 4.0, 1.0)] == [False] * 12 + [True, False]


@pytest.fixture
def annotations(tmp_path):
    """A file of three rows of one video; the last contradicts the first."""
    rows = [
        {"video": "red_circle.mp4", "duration": 30.0, "sentence": query, "timestamp": window}
        for query, window in (("a red circle", [8, 14]), ("a blue square", [1, 4]), ("a red circle", [20, 25]))
    ]  # fmt: skip
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def log(tmp_path):
    """A log of 40 steps of two rows; in the 21st one row is trained on other times than it has."""
    words = {"r": ("When is a red circle?", "[8.0, 14.0]"), "b": ("a blue square: when?", "[1.0, 4.0]")}
    lines = [{"row": name, "asked": asked, "answers": [said]} for name, (asked, said) in words.items()]
    lines += [{"row": "x", "asked": "When is A blue  square?", "answers": ["[20.0, 25.0]"]}]
    for step, loss in enumerate(falling(40), 1):
        ids = ("r", "x") if step == 21 else ("r", "b")
        costs = [loss, loss * 9 if step == 21 else loss]
        rows = [{"id": name, "loss": cost, "time": 3 * cost} for name, cost in zip(ids, costs, strict=True)]
        lines.append({"step": step, "loss": sum(costs) / 2, "tokens": 8, "rows": rows})
    path = tmp_path / "steps.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def list_spikes(log, annotations, *more):
    return main(
        ["spikes", str(log), "--annotations", str(annotations), "--video-root", str(asset_folder()), *more]
    )


def test_a_row_is_found_by_its_words_and_its_answer_compared_with_the_file(log, annotations):
    [spike] = find_spikes(
        read_steps([log]), load_annotations(annotations, video_root=asset_folder()).annotations
    )
    assert spike.step.step == 21
    [worst, other] = spike.rows
    assert [annotation.number for annotation in worst.annotations] == [2]
    assert "trained on the answer '[20.0, 25.0]', and the file says 1 to 4 s" in worst.suspicions
    assert "row 3 asks the same of the same video, and says 20 to 25 s" in other.suspicions


def test_the_command_lists_steps_rows_and_how_to_open_them(log, annotations, capsys):
    assert list_spikes(log, annotations) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 of 40 steps stands out\nstep 21: ")
    assert "row 2, " in said
    assert f"?sample=N&tab=tokens by: vtg-lens --annotations {annotations}" in said


def test_the_command_writes_json(log, annotations, capsys):
    assert list_spikes(log, annotations, "--json", "-") == 0
    [spike] = json.loads(capsys.readouterr().out)["spikes"]
    assert (spike["step"], spike["rows"][0]["rows"]) == (21, [2])


def test_a_line_that_is_cut_off_is_left_out_and_another_file_is_refused(log, annotations):
    log.write_text(log.read_text() + '{"step": 41, "lo')
    assert len(read_steps([log]).steps) == 40
    with pytest.raises(VTGError, match=r"must be written by MaskAudit\(log_to="):
        read_steps([annotations])


def test_a_control_character_of_a_log_does_not_reach_the_terminal(log, annotations, capsys):
    log.write_text(log.read_text().replace("[20.0, 25.0]", "\\u001b[31m 20"))
    assert list_spikes(log, annotations) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.fixture
def train(tmp_path, model, processor):
    """Train a copy of the demo model on the demo's rows in order, some of them with other windows; return the rows."""
    from copy import deepcopy

    def train(num_steps, size, wrong):
        rows = json.loads((asset_folder() / "demo_annotations.json").read_text())
        made = [dict(rows[number % len(rows)]) for number in range(num_steps * size)]
        for number in wrong:
            made[number]["timestamp"] = [1.0 + number % 7, 2.5 + number % 7]
        path = tmp_path / "rows.json"
        path.write_text(json.dumps(made))
        dataset = VideoTemporalSFTDataset(
            path, video_root=asset_folder(), frames=FramePolicy(num_frames=2), template_seed=0
        )
        arguments = TrainingArguments(
            output_dir=str(tmp_path), max_steps=num_steps, per_device_train_batch_size=size, report_to="none",
            save_strategy="no", use_cpu=True, learning_rate=1e-4, disable_tqdm=True, seed=0, logging_steps=1000,
            train_sampling_strategy="sequential", remove_unused_columns=False,
        )  # fmt: skip
        audit = MaskAudit(processor, batches=1, save_to=tmp_path / "seen", log_to=tmp_path / "steps.jsonl")
        Trainer(
            model=deepcopy(model), args=arguments, train_dataset=dataset, data_collator=SFTCollator(processor),
            callbacks=[audit],
        ).train()  # fmt: skip
        return load_annotations(path, video_root=asset_folder()).annotations

    return train


def test_a_run_logs_each_step_with_its_rows_and_the_loss_by_part(train, tmp_path):
    train(2, 2, wrong=())
    lines = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text().splitlines()]
    rows, steps = ([line for line in lines if name in line] for name in ("asked", "loss"))
    assert [step["step"] for step in steps] == [1, 2]
    assert {row["row"] for row in rows} == {row["id"] for step in steps for row in step["rows"]}
    assert steps[0]["parts"].keys() == {"time", "format", "end_of_turn"}
    assert max(len(json.dumps(step)) for step in steps) < 400


@pytest.mark.slow
def test_ten_rows_with_shuffled_windows_are_the_first_steps_listed_of_a_real_run(train, tmp_path):
    annotations = train(30, 5, wrong=range(80, 90))
    spikes = find_spikes(read_steps([tmp_path / "steps.jsonl"]), annotations)
    assert {spike.step.step for spike in spikes[:3]} >= {17, 18}
    found = {row.annotations[0].number for spike in spikes[:2] for row in spike.rows}
    assert found == set(range(81, 91))
    assert all(
        spike.step.saved.endswith(f"step-0000{spike.step.step}-rank-0.safetensors") for spike in spikes[:2]
    )

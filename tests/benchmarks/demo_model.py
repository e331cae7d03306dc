"""What the demo model has learnt, on 200 clips that it has never seen; and what its untrained twin makes of them."""

import tempfile
from pathlib import Path

NUM_CLIPS = 200


def run() -> dict[str, float]:
    from vtg_core.checkpoints.loading import load_checkpoint, load_model
    from vtg_core.demo_training.evaluation import FreshClips, evaluate, times_nll

    with tempfile.TemporaryDirectory() as folder:
        clips = FreshClips(Path(folder), NUM_CLIPS)
        checkpoint = load_checkpoint("demo")
        model = load_model("demo", device="cpu", dtype="float32")
        figures = evaluate(model, checkpoint.processor, checkpoint.stop_ids, clips)
        untrained = load_model("demo-untrained", device="cpu", dtype="float32")
        samples = (clips[number] for number in range(len(clips)))
        untrained_nll = times_nll(untrained, checkpoint.processor, samples)
    return {
        "demo_times_nll": figures.times_nll,
        "demo_untrained_times_nll": untrained_nll,
        "demo_blank_video_delta": figures.blank_video_delta,
        "demo_wrong_query_share": figures.wrong_query_share,
        "demo_median_iou": figures.median_iou,
    }

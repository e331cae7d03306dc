"""What a response-only loss holds in memory, beside ``model(**batch, labels=labels)``.

The model has a vocabulary of real size, 151,936, and two decoder layers of width 1,024, in float32. Each way runs in a
process of its own, without gradients, on a sample that was encoded in another; what counts is the most memory that the
process ever held, its libraries and the model included. At 20,000 tokens the logits of every position alone take 12 GB,
so only our way is run.
"""

import json
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

WAYS = ("ours", "sixteen templates", "every logit")


def run() -> dict[str, float]:
    from vtg_core.checkpoints.loading import load_processor

    processor = deepcopy(load_processor("demo"))
    processor.video_processor.size = {"shortest_edge": 4_096, "longest_edge": 10**9}  # frames keep their size
    with tempfile.TemporaryDirectory() as scratch:
        short, long = (_encode(Path(scratch), num_frames, processor) for num_frames in (32, 128))
        peaks = {way: _peak_mb(short, way) for way in WAYS}
        ours_long = _peak_mb(long, WAYS[0])
        _peak_mb(long, WAYS[1])
    return {"loss_memory_ratio_5k": peaks[WAYS[0]] / peaks[WAYS[2]], "loss_memory_mb_20k": ours_long}


def _encode(folder: Path, num_frames: int, processor: Any) -> Path:
    """Write the samples of all templates on a clip, encoded."""
    import torch

    from vtg_core.inspection import inspect_templates
    from vtg_core.templates import TEMPLATES
    from vtg_core.video.plan import FramePolicy
    from vtg_core.video.sampling import sample_frames
    from vtg_core.windows import Window

    from .audit import write_clip

    video = sample_frames(write_clip(folder / "clip.mp4"), FramePolicy(num_frames=num_frames))
    inspections = inspect_templates(
        video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES
    )
    path = folder / f"{num_frames}.pt"
    torch.save([inspection.encoded for inspection in inspections], path)
    return path


def _peak_mb(samples: Path, way: str) -> float:
    """Run one way in a process of its own; return the most memory it held, in MB."""
    ran = subprocess.run(
        [sys.executable, "-m", __name__, str(samples), way], check=True, stdout=subprocess.PIPE, text=True
    )
    measured = json.loads(ran.stdout.splitlines()[-1])
    peak, loaded = measured["peak"], measured["loaded"]
    print(
        f"  {measured['tokens']:,} tokens, {way}: {peak:,.0f} MB at most, {peak - loaded:,.0f} MB of them over the "
        f"{loaded:,.0f} MB of the loaded model",
        flush=True,
    )
    return peak


def _measure(samples_path: str, way: str) -> dict[str, float]:
    """Load the model, run one way, and return in MB what was held before and at most."""
    import torch

    from vtg_core.checkpoints.loading import load_processor
    from vtg_core.loss.score import score_batch
    from vtg_core.loss.shared_pass import as_batch, plan_shared_pass, run_plan

    from ..families import qwen3_vl_2b

    torch.set_num_threads(1)
    model = qwen3_vl_2b(load_processor("demo"), num_layers=2, width=1024, has_small_vision=True)
    samples = torch.load(samples_path, weights_only=False)
    loaded, batch = held_mb("VmRSS"), as_batch(samples[0])
    if way == "ours":
        assert bool(score_batch(model, batch).scores.nll.isfinite().all())
    elif way == "sixteen templates":
        plan = plan_shared_pass(model, samples)
        assert not plan.plain_because
        assert len(list(run_plan(model, samples, plan))) == len(samples)
    else:
        labels = batch.pop("labels")
        with torch.inference_mode():
            assert bool(model(**batch, labels=labels).loss.isfinite())
    return {"tokens": len(samples[0]), "loaded": loaded, "peak": held_mb("VmHWM")}


def held_mb(field: str, *, process: int | str = "self") -> float:
    """Return what Linux says a process holds (``VmRSS``) or has held at most (``VmHWM``), in MB; not what its parent held."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))

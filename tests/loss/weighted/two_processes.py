"""One step of a weighted trainer over two processes; the first writes the weights that it moved."""

import json
import sys
from pathlib import Path

from tests.loss.weighted.test_training import build_model, trainer_of
from vtg_core.loss.weighted.training import use_loss_weights

if __name__ == "__main__":
    folder, model = Path(sys.argv[1]), build_model()
    trainer = use_loss_weights(trainer_of(model, folder, accumulate=2))
    trainer.args.gradient_accumulation_steps = 1
    trainer.train()
    if trainer.is_world_process_zero():
        (folder / "head.json").write_text(json.dumps(model.lm_head.weight.tolist()))

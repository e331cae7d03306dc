"""Where models come from: the processor, the model, its device, its adapter. Nothing here knows a sample or a loss."""

from vtg_core.checkpoints.loading import Checkpoint, load_checkpoint, load_model, load_processor

__all__ = ["Checkpoint", "load_checkpoint", "load_model", "load_processor"]

"""The offline demo: its clips, its tiny checkpoints and its examples. How the trained one learnt is elsewhere."""

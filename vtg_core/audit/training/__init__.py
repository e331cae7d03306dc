"""Inside a training run: its batches are audited as they reach the model. No data set, no page."""

"""What each token of a sample costs a model, what a pass costs, and many prompts in one pass. No file, no table."""

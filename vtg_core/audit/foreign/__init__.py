"""Other people's collators: loaded, run behind a guard, and tried with samples that break weak ones."""

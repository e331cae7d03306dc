"""One file for each family of checks: mask, stop, prompt, length, times, answer. Each yields findings about a row."""

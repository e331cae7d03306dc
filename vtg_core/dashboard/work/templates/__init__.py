"""Templates of a person's own: one that is typed, and those that a language model writes."""

"""Training frameworks by name: each adapter builds the framework's own data path on our rows, and copies nothing of it."""

"""An open page: what it shows, the jobs it waits for, and what it is told."""

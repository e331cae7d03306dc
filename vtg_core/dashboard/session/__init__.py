"""An open page: what it shows, the tasks it waits for, and what it is told. No component, and nothing computed."""

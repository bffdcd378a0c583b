"""Takes longer than the budget of a hook."""

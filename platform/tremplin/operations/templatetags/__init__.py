"""Template tags of the operations."""

"""A module that uses every extension point, for tests only."""

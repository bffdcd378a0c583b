"""The pages of the quiz module."""

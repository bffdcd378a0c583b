"""Answers once, then fails halfway through its generator."""

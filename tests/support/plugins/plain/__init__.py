"""Adds nothing, keeps nothing."""

"""Raises in every question it is asked."""

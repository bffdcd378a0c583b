"""Runs a failing query inside the caller's transaction."""

"""Needs another module."""

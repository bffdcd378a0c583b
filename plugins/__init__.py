"""Bundled plugins of the platform, one folder each."""

"""Migrations of stored files."""

"""Skill radar: a module for Tremplin."""

"""Sample module: a module for Tremplin."""

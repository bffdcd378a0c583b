"""Written for a plugin API that does not exist yet; importing it would fail."""

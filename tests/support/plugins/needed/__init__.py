"""Another module needs it; it adds nothing of its own."""

"""Parts of the quiz plugin that other modules do not import."""

"""HTML pages of identity."""

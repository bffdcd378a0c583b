"""Parts of identity that no other package imports."""

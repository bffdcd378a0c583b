"""The spaces of the platform as the operator sees them, and what the operator gives them."""

"""Pages of a reseller's space."""

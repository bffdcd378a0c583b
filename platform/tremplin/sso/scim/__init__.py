"""SCIM 2.0: a directory keeps the people and cohorts of the space up to date (RFC 7643, 7644)."""

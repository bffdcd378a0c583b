"""SCIM 2.0: a directory creates, changes and deactivates people and cohorts."""

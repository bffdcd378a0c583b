"""People of one space: accounts, roles, cohorts, invitations, imports and their security."""

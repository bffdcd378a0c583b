"""Files of a tenant: storage, checks of uploads, signed addresses, limited parsing."""

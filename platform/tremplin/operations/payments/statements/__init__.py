"""Bank statements: read in a limited process, matched to open invoices, recorded once."""

"""Invoices to collect: late, failed, paid by transfer, read from a bank statement."""

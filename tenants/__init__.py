"""Tenancy: schemas, routing, provisioning and the embedded PostgreSQL; imports nothing."""

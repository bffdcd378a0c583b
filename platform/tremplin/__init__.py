"""Tremplin: a multi-tenant, white-label platform where every feature is a module."""

"""Database backend whose search path follows the current tenant."""

"""The console of a reseller: its clients, what they look like, what they buy, what it earns."""

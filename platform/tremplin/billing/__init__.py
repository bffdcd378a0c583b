"""Prices, subscriptions, invoices and money: what tenants owe, who collects it, who earns it."""

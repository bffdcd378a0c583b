"""Returns a dict where a value of the contract is due."""

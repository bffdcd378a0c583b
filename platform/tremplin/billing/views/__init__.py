"""Pages of billing: the public prices, what a space pays, and how."""

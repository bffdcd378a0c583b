"""Pages of the marketplace: the catalogue of a space, and the review by the operator."""

"""Documents made by the product: PDF through Typst, with the brand of the space."""

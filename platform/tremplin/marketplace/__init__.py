"""The catalogue of modules: what they do, cost and process, who tried them, who reviewed them."""

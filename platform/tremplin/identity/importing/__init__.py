"""Lists of people: read safely, checked line by line, then applied in one transaction."""

"""Messages to people: in the page, and by mail in the look of the space."""

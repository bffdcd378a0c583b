"""From where a space may be reached, and how often: the allow-list and the limits of its doors."""

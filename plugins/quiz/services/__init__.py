"""Every write of the quiz module, one file per concern."""

"""Settings, URL configuration, entry points and command line."""

"""Settings, modules and child process that only the measurements of tenancy use."""

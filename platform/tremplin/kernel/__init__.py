"""Heart of the platform: plugins, gate, settings, events, tasks, audit, realtime."""

"""Settings overlay: streams that end soon, many of them per session."""

REALTIME_LIMITS = {"max_age_seconds": 1.5, "ping_seconds": 0.4}

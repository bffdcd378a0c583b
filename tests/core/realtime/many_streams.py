"""Settings overlay: one session may hold every stream of the test."""

REALTIME_LIMITS = {"streams_per_session": 2000}

"""Realtime: a best-effort channel from the server to open pages, by server-sent events."""

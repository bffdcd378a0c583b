"""The demo: its world, its loader, its pages and the walk that checks it."""

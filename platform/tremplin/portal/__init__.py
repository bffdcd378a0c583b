"""Interface of a space: layouts, components, icons, charts and number formats."""

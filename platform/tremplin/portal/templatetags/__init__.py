"""Template tags of the portal: icons, charts and number formats."""

"""The look of a space: tokens derived from its colours, logo, versions, theme templates."""

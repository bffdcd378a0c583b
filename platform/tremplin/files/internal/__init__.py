"""How uploads are recognised and made harmless."""

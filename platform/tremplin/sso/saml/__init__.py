"""SAML 2.0 as a service provider, one per space."""

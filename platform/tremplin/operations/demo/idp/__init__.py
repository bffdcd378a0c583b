"""A SAML identity provider of the demo, at ``demo-idp.localhost``: real signatures, invented people."""

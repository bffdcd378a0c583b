"""OpenID Connect: the operator's space as provider, and the applications of each space."""

"""A space's own directory: OpenID Connect and SAML sign-in, SCIM provisioning, the doctor."""

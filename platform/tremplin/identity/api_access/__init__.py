"""How programs sign in: static keys, applications, access tokens, and what each may do."""

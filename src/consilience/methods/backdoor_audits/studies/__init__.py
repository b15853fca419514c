"""The studies behind the claims: one module a claim, and what they are made of."""

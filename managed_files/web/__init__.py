"""HTTP in: auth, forms, errors and one Blueprint each."""

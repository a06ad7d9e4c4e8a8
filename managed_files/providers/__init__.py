"""One adapter module per provider, and the registry that names them."""

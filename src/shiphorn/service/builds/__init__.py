"""What forges and builds tell, and what forges are told."""

"""The nouns of shiphorn: frozen values, no I/O."""

"""What the operator asked for: files read, checked and turned into frozen values."""

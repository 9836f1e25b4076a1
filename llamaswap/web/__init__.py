"""The front of the house: HTTP in, answers out."""

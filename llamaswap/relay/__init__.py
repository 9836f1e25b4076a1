"""Bytes to an upstream and back."""

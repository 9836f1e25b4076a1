"""The version, importable before anything else."""

VERSION = "0.1.0"
COMMIT = "unknown"
BUILT_AT = "unknown"

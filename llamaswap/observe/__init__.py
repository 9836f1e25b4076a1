"""What happened: logs, and later activity, statistics and samples."""

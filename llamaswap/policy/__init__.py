"""What should happen: pure functions and values, without clocks, tasks or I/O."""

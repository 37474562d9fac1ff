"""The registers that departments hold here: records, and the ways in which they come."""

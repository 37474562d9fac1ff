"""The test kit: what a service's own tests need to try its handlers the hard way."""

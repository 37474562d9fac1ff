"""The life of a case across services: real services on real engines, under a clock that the tests move."""

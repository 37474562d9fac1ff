"""Sharing: requests for proofs are answered from the registers, by rule or by a person, and receivers hear of corrections."""

from tongban_certificates.sharing.wiring import SharingParts, parts

__all__ = ["SharingParts", "parts"]

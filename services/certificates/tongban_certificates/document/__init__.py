"""The certificate as a document: what stands on it, and its PDF."""

from tongban_certificates.document.content import Bilingual, CertificateContent, DecisionLine, SaidLine
from tongban_certificates.document.renderer import CertificateRenderer, MissingGlyphError

__all__ = ["Bilingual", "CertificateContent", "CertificateRenderer", "DecisionLine", "MissingGlyphError", "SaidLine"]

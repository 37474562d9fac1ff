"""``python -m tongban_certificates``: run the service; ``... migrate``: bring its database up to date."""

from tongban_runtime.service import main

from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.wiring import wire


def load_settings() -> CertificatesSettings:
    return CertificatesSettings()


if __name__ == "__main__":
    main("tongban_certificates", load_settings, wire)
